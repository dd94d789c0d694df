"""Options with a closed set of values, shared by settings, sidecars and the worker protocol."""

from typing import Annotated, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticKnownError

from heygem_daemon.config.engines import engine_choices, list_in_words


def check_engine_name(value: object) -> object:
    """Return ``value``, which must be 'auto' or the name of an engine in ``ENGINES``.

    Raises the error that pydantic raises for a Literal. A Literal is not used, because it cannot
    be made from a table.
    """
    choices = engine_choices()
    if value in choices:
        return value
    expected = list_in_words(tuple(f"'{name}'" for name in choices))
    raise PydanticKnownError("literal_error", {"expected": expected})


EngineName = Annotated[str, BeforeValidator(check_engine_name)]

Loop = Literal["pingpong", "restart", "freeze"]
"""What a video does that is shorter than the sound."""

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]  # fmt: skip
"""Speed presets of x264."""

Side = Literal["largest", "left", "right"]

MAX_FACES = 8
"""Faces are counted up to this number; a crowd has no face that one would name."""

FACE_CHOICE_RULE = (
    f"must be 'largest', 'left', 'right' or a number from 1 (leftmost) to {MAX_FACES}"
)


def parse_face_choice(value: object) -> Side | int:
    """``value`` as a choice: a side, or the number of a face counted from the left, 1 being the
    leftmost as the viewer sees it. Text is taken as well, as it comes from a command line.

    Raises ValueError.
    """
    text = value.strip().lower() if isinstance(value, str) else value
    match text:
        case "largest" | "left" | "right":
            return text
        case str() if text.isascii() and text.isdigit():
            text = int(text)
    if isinstance(text, int) and not isinstance(text, bool) and 1 <= text <= MAX_FACES:
        return text
    raise ValueError(FACE_CHOICE_RULE)


FaceChoice = Annotated[Side | int, BeforeValidator(parse_face_choice)]
