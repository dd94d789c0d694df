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
"""How a video continues that is shorter than the audio: backwards and forwards in turn, again from
its start, or with its last frame."""

AudioHandling = Literal["compatible", "copy"]
"""How the sound gets into the result. 'compatible': AAC is copied, other codecs become AAC, which
every player plays. 'copy': what MP4 can hold is copied."""

VideoCodec = Literal["h264", "hevc", "prores"]
"""Codec of a result's pictures. 'prores' is ProRes 422 HQ."""

HdrHandling = Literal["sdr", "keep"]
"""What becomes of an HDR video: SDR in BT.709, or HDR with its own tags."""


def parse_loudness(value: object) -> object:
    """Return a loudness that is written as text, as on a command line, as a number."""
    return int(value) if value in ("-23", "-16") else value


Loudness = Annotated[Literal["off", -23, -16], BeforeValidator(parse_loudness)]
"""Integrated loudness of a result in LUFS (EBU R 128: -23; spoken word on the web: -16)."""

JobAudio = AudioHandling | Literal["own"]
"""``AudioHandling``, or 'own' for a video alone, which speaks with its own sound."""

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]  # fmt: skip
"""Speed presets of x264 and x265."""

Side = Literal["largest", "left", "right"]

MAX_FACES = 8
"""Highest number of a face that can be chosen. In a larger crowd nobody would choose by number."""

FACE_CHOICE_RULE = (
    f"must be 'largest', 'left', 'right' or a number from 1 (leftmost) to {MAX_FACES}"
)


def parse_face_choice(value: object) -> Side | int:
    """Return ``value`` as a choice: a side, or the number of a face from the viewer's left, from 1
    to MAX_FACES. Numbers may be text, as they are on a command line.

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
