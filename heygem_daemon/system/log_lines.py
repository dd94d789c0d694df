"""The lines of the log, as text, for the journal, and as JSON. Pure."""

import json
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loguru import Record

# Priorities of sd-daemon(3): the journal reads them from the start of a line.
_PRIORITIES = {"DEBUG": 7, "INFO": 6, "SUCCESS": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
# Fields of a record that are not printed like others.
_TRACEBACK = "traceback"
_LINE = "line"


def escape_line(text: str) -> str:
    """Return ``text`` with everything escaped that could break or forge a line of the log: control
    characters, line separators, and bytes of file names that are not UTF-8."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    if 0xDC80 <= ord(char) <= 0xDCFF:  # os.fsdecode's stand-in for an undecodable byte
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def template(line: Callable[["Record"], str]) -> Callable[["Record"], str]:
    """Return the format for loguru that writes each record as ``line`` says."""

    def write(record: "Record") -> str:
        # The line is a value and not the template, since loguru interprets braces and tags there.
        record["extra"][_LINE] = line(record)
        return "{extra[" + _LINE + "]}\n"

    return write


def text_line(record: "Record") -> str:
    """Return a record for a file or a terminal: time, level, message, fields."""
    moment = record["time"].isoformat(sep=" ", timespec="milliseconds")
    return f"{moment} {record['level'].name:<7} {_message(record)}{_traceback_text(record)}"


def journal_line(record: "Record") -> str:
    """Return a record for the journal, which adds the time itself."""
    priority = _PRIORITIES.get(record["level"].name, 6)
    text = f"{_message(record)}{_traceback_text(record)}"
    return "\n".join(f"<{priority}>{part}" for part in text.split("\n"))


def json_line(record: "Record") -> str:
    """Return a record as a JSON object."""
    fields = _fields(record)
    trace = _traceback_text(record)
    return json.dumps(
        {
            "time": record["time"].isoformat(),
            "level": record["level"].name,
            "message": escape_line(record["message"]),
            **{name: _json_value(value) for name, value in fields.items()},
            **({_TRACEBACK: trace.strip()} if trace else {}),
        },
        ensure_ascii=False,
    )


def _message(record: "Record") -> str:
    named = "".join(f" {key}={_quoted(value)}" for key, value in _fields(record).items())
    return escape_line(record["message"]) + named


def _fields(record: "Record") -> dict[str, object]:
    hidden = (_TRACEBACK, _LINE)
    return {key: value for key, value in record["extra"].items() if key not in hidden}


def _quoted(value: object) -> str:
    text = escape_line(str(value))
    bare = text.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return text if bare else '"' + text.replace('"', '\\"') + '"'


def _json_value(value: object) -> object:
    return value if isinstance(value, bool | int | float) else escape_line(str(value))


def _traceback_text(record: "Record") -> str:
    """Return the traceback in lines of its own: of the record's exception, or the text that a
    worker sent in the field ``traceback``."""
    text = str(record["extra"].get(_TRACEBACK, ""))
    if record["exception"] is not None:
        text = "".join(traceback.format_exception(record["exception"].value))
    return "".join(f"\n    {escape_line(line)}" for line in text.splitlines())
