"""Parses JSON and TOML that somebody else may have written: every failure is one exception.

A parser follows whatever the text says. A text of 500 brackets exhausts Python's stack, a number of
5,000 digits raises an error of its own, a key of 64 KB with dots takes seconds. Everything here is
bounded before a parser sees it: length, nesting, digits of a number, parts of a dotted key.
"""

import errno
import json
import math
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import BaseModel

from heygem_daemon.system import paths

MAX_NUMBER_CHARACTERS = 64
"""The longest number. A float as Python writes it has at most 24 characters."""

MAX_KEY_PARTS = 8
"""How many parts a dotted key of TOML may have."""

_JSON_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_LONG_NUMBER = re.compile(rf"[0-9][0-9a-fA-F_oxb]{{{MAX_NUMBER_CHARACTERS},}}")
_LONG_KEY = re.compile(rf"""(?:[^.=#"']*\.){{{MAX_KEY_PARTS},}}[^.=#"']*[=\]]""")
_TOML_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_MAX_DESCRIPTION = 200
_OTHER_THAN_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))

T = TypeVar("T", bound=BaseModel)


class UnreadableText(ValueError):
    """A text that is not what it should be. The message is a clause for people."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line
        """The line (from 1) with the fault, where one line is at fault."""


@dataclass(frozen=True, slots=True)
class TextLimits:
    """What a text may be at most."""

    max_bytes: int
    max_depth: int = 32
    """Levels of nested objects and arrays."""


RECORD_LIMITS = TextLimits(4 << 20)
"""Of a job's journal, of the status, of a report."""

BATCH_LIMITS = TextLimits(64 << 20)
"""Of a batch's journal, which ends up with the journals of all members."""

MESSAGE_LIMITS = TextLimits(1 << 20)
"""Of a message from a child process."""


@dataclass(frozen=True, slots=True)
class FileContent:
    """The start of a regular file, and the state of the file as it was read."""

    text: bytes
    status: os.stat_result


def read_regular(path: Path, max_bytes: int) -> FileContent:
    """Return the first ``max_bytes`` of a regular file. Links are not followed, and a pipe is not
    waited for.

    Raises UnreadableText if it is something else, and OSError.
    """
    try:
        with paths.reader(path) as file:
            return FileContent(file.read(max_bytes), os.fstat(file.fileno()))
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EOPNOTSUPP}:
            raise
        raise UnreadableText("not a regular file") from error


def read_text(path: Path, limits: TextLimits = RECORD_LIMITS) -> bytes:
    """Return the text of a regular file, and one byte more than the limit where it is too long.

    Raises UnreadableText if it is something else, and OSError.
    """
    return read_regular(path, limits.max_bytes + 1).text


def parse_json(
    text: bytes, limits: TextLimits = RECORD_LIMITS, *, is_finite: bool = True
) -> object:
    """Return the value in a JSON text.

    NaN, Infinity and numbers beyond a float are refused, or None where ``is_finite`` is False.
    Raises UnreadableText, whatever is wrong.
    """
    check_length(text, limits)
    _check_json_depth(text, limits)
    try:
        value: object = json.loads(
            text,
            parse_int=_parse_int,
            parse_float=_parse_finite if is_finite else _parse_float,
            parse_constant=_refuse_constant if is_finite else _forget_constant,
        )
        return value
    except Exception as error:
        raise UnreadableText(f"not valid JSON ({_describe(error)})") from error


def parse_model(model: type[T], text: bytes, limits: TextLimits = RECORD_LIMITS) -> T:
    """Return the ``model`` in a JSON text. Raises UnreadableText, whatever is wrong."""
    value = parse_json(text, limits)
    try:
        return model.model_validate(value)
    except Exception as error:
        raise UnreadableText(f"not a {model.__name__} ({_describe(error)})") from error


def parse_toml(text: bytes, limits: TextLimits) -> dict[str, object]:
    """Return the table in a TOML text.

    Raises UnreadableText, whatever is wrong, with the line where one is at fault.
    """
    check_length(text, limits)
    try:
        decoded = text.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UnreadableText("not UTF-8 text", text[: error.start].count(b"\n") + 1) from error
    _check_toml_lines(decoded, limits)
    try:
        return tomllib.loads(decoded)
    except tomllib.TOMLDecodeError as error:
        raise _toml_error(error, decoded) from error
    except Exception as error:
        raise UnreadableText(f"not valid TOML ({_describe(error)})") from error


def check_length(text: bytes, limits: TextLimits) -> None:
    """Raise UnreadableText if a text is longer than its limits."""
    if len(text) > limits.max_bytes:
        raise UnreadableText(f"longer than {limits.max_bytes} bytes")


def _check_json_depth(text: bytes, limits: TextLimits) -> None:
    if text.count(b"[") + text.count(b"{") <= limits.max_depth:
        return
    brackets = _JSON_STRING.sub(b"", text).translate(None, _OTHER_THAN_BRACKETS)
    # Each round removes the innermost level. A level of objects in arrays may take two.
    for _ in range(limits.max_depth):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    if brackets:
        raise UnreadableText(f"nested deeper than {limits.max_depth} levels, or not balanced")


def _check_toml_lines(text: str, limits: TextLimits) -> None:
    """Refuse what would take the parser long or exhaust its stack. Brackets in strings and comments
    count as well: no text that people write comes near the limit."""
    depth = 0
    for number, line in enumerate(text.split("\n"), 1):
        if _LONG_NUMBER.search(line):
            raise UnreadableText(f"a number of more than {MAX_NUMBER_CHARACTERS} digits", number)
        if _LONG_KEY.match(line):
            raise UnreadableText(f"a key of more than {MAX_KEY_PARTS} parts", number)
        depth += line.count("[") + line.count("{")
        if depth > limits.max_depth:
            raise UnreadableText(f"more than {limits.max_depth} brackets", number)


def _toml_error(error: tomllib.TOMLDecodeError, text: str) -> UnreadableText:
    position = _TOML_POSITION.search(str(error))
    last_line = text.rstrip("\n").count("\n") + 1
    line = int(position[1]) if position and position[1] else last_line
    return UnreadableText(f"not valid TOML: {_TOML_POSITION.sub('', str(error))}", line)


def _parse_int(digits: str) -> int:
    return int(_bounded(digits))


def _parse_float(digits: str) -> float | None:
    value = float(_bounded(digits))
    return value if math.isfinite(value) else None


def _parse_finite(digits: str) -> float:
    value = _parse_float(digits)
    if value is None:
        raise ValueError("a number is too large")
    return value


def _bounded(digits: str) -> str:
    if len(digits) > MAX_NUMBER_CHARACTERS:
        raise ValueError(f"a number has more than {MAX_NUMBER_CHARACTERS} digits")
    return digits


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _forget_constant(_name: str) -> None:
    return None


def _describe(error: Exception) -> str:
    text = (str(error) or type(error).__name__).partition("\n")[0]
    return text[:_MAX_DESCRIPTION]
