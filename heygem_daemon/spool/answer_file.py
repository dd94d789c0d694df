"""``.state/answers.json``: the last answers to requests, so that a restart forgets none of them."""

from collections.abc import Sequence
from contextlib import suppress

from pydantic import Field

from heygem_daemon.spool.job import FrozenModel
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import TextLimits, UnreadableText, parse_model, read_text

FILE = "answers.json"
UNREADABLE = "answers.unreadable.json"
"""The name that a file gets which cannot be read."""

MAX_KEPT = 50
MAX_CHARACTERS = 2000
"""How much of one text is kept."""

LIMITS = TextLimits(1 << 20)
"""Of the file: so many texts of this length have room."""


class KeptAnswer(FrozenModel):
    """The answer to a request."""

    line: str | int
    """Whose it is: the hot folder's, or the owner's user id."""

    name: str
    """As ``RequestStatus`` has it; so are the others."""

    folder: str = ""
    text: str
    at: float
    """UNIX time. A wrong clock may show one before 1970."""

    dropped_by: str = ""


class AnswerRecord(FrozenModel):
    """The content of the file, the newest answer first."""

    answers: tuple[KeptAnswer, ...] = Field(default=(), max_length=MAX_KEPT)


def read_answers(layout: SpoolLayout) -> tuple[KeptAnswer, ...]:
    """Return what an earlier run has left; nothing if it cannot be read: the file is then set
    aside."""
    path = layout.state / FILE
    try:
        return parse_model(AnswerRecord, read_text(path, LIMITS), LIMITS).answers
    except FileNotFoundError:
        return ()
    except (UnreadableText, OSError):
        with suppress(OSError):
            paths.replace(path, path.with_name(UNREADABLE))
        return ()


def write_answers(layout: SpoolLayout, answers: Sequence[KeptAnswer]) -> None:
    """Keep the first of these answers. One that a power cut takes away is no loss. Raises
    OSError."""
    short = [
        each.model_copy(update={"text": each.text[:MAX_CHARACTERS]}) for each in answers[:MAX_KEPT]
    ]
    text = AnswerRecord(answers=tuple(short)).model_dump_json().encode()
    part = f".{FILE}.part"
    paths.write(layout.state / FILE, text, temporary_name=part, durable=False, mode=0o600)
