"""The lines of the log, as text, for the journal, and as JSON. Pure."""

import json
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loguru import Record

# Priorities of sd-daemon(3): the journal reads them from the start of a line.
_PRIORITIES = {"DEBUG": 7, "INFO": 6, "SUCCESS": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
# Fields of a record that are not printed like others.
_TRACEBACK = "traceback"
_LINE = "line"
_SHOWN = "shown"
_HEAD = re.compile(r"(\d{4}-\d\d-\d\d \S+) (DEBUG|INFO|WARNING|ERROR|CRITICAL) +(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """A line that was read from a log file."""

    text: str
    """The line as it is, with the traceback behind it."""

    fields: dict[str, object]
    """Its time, level, message and fields. What was read from text is text."""

    is_json: bool
    """Whether it was written as JSON."""

    def with_trace(self, line: str) -> "LoggedLine":
        """Return the line with one more line of its traceback."""
        trace = f"{self.fields[_TRACEBACK]}\n{line}" if _TRACEBACK in self.fields else line
        fields = {**self.fields, _TRACEBACK: trace}
        return replace(self, text=f"{self.text}\n{line}", fields=fields)


def parse_line(text: str) -> LoggedLine | None:
    """Return a line of a log file, text or JSON; None if it is neither."""
    if text.startswith("{"):
        try:
            fields = json.loads(text)
        except ValueError:
            return None
        return LoggedLine(text, fields, is_json=True) if isinstance(fields, dict) else None
    head = _HEAD.fullmatch(text)
    if head is None:
        return None
    # The fields are at the end, each behind the one before it: a name within the sentence that
    # looks like a field is none.
    message, named = head[3], {}
    while (last := _last_field(message)) is not None:
        message, key, value = last
        named[key] = value
    fixed = {"time": head[1], "level": head[2], "message": message}
    return LoggedLine(text, {**fixed, **dict(reversed(named.items()))}, is_json=False)


def _last_field(text: str) -> tuple[str, str, str] | None:
    """Return the text before its last field, and the field's name and value; None: it ends with
    none."""
    match = re.search(r' (\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))$', text)
    if match is None:
        return None
    value = match[3] if match[2] is None else _unescape_quotes(match[2])
    return text[: match.start()], match[1], value


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


def untimed_line(record: "Record") -> str:
    """Return a record for the journal, which adds the time itself."""
    return f"{_message(record)}{_traceback_text(record)}"


def with_priority(record: "Record", line: str) -> str:
    """Return the line of a record with its priority, as the journal reads it, before each part."""
    priority = _PRIORITIES.get(record["level"].name, 6)
    return "\n".join(f"<{priority}>{part}" for part in line.split("\n"))


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
    shown = record["extra"].get(_SHOWN, ())
    named = "".join(
        f" {key}={_quoted(value)}"
        for key, value in _fields(record).items()
        if key not in shown and value not in (None, "")
    )
    return escape_line(record["message"]) + named


def _fields(record: "Record") -> dict[str, object]:
    hidden = (_TRACEBACK, _LINE, _SHOWN)
    return {key: value for key, value in record["extra"].items() if key not in hidden}


def _quoted(value: object) -> str:
    text = escape_line(str(value))
    bare = text.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return text if bare else f'"{_escape_quotes(text)}"'


def _escape_quotes(text: str) -> str:
    """Escape quotes, and double only those backslashes that stand before a quote or at the end:
    the others, as in ``\\xff``, stay readable."""
    doubled = re.sub(r'\\+(?="|$)', lambda run: 2 * run[0], text)
    return doubled.replace('"', '\\"')


def _unescape_quotes(text: str) -> str:
    return re.sub(r'(\\+)("|$)', lambda run: len(run[1]) // 2 * "\\" + run[2], text)


def _json_value(value: object) -> object:
    return value if isinstance(value, bool | int | float | None) else escape_line(str(value))


def _traceback_text(record: "Record") -> str:
    """Return the traceback in lines of its own: of the record's exception, or the text that a
    worker sent in the field ``traceback``."""
    text = str(record["extra"].get(_TRACEBACK, ""))
    if record["exception"] is not None:
        text = "".join(traceback.format_exception(record["exception"].value))
    return "".join(f"\n    {escape_line(line)}" for line in text.splitlines())
