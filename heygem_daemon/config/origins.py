"""Finds where the value of each setting comes from."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from heygem_daemon.config.loading import SettingsSource, option_of, variable_of
from heygem_daemon.config.settings import Settings

OriginKind = Literal["default", "file", "environment", "command line"]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_NAME = rf"[ \t]*({_PART}(?:[ \t]*\.[ \t]*{_PART})*)[ \t]*"
"""A key of TOML: one or several parts, bare or in quotes, with dots between them."""
_KEY = re.compile(rf"{_NAME}=")
_TABLE = re.compile(rf"[ \t]*\[{_NAME}\]")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the value of a setting comes from."""

    kind: OriginKind

    place: str = ""
    """The variable, the option, or 'FILE, line N'; empty for a default."""

    def __str__(self) -> str:
        return self.place or self.kind


def find_origins(source: SettingsSource) -> dict[str, Origin]:
    """Return the origin of each setting's value. Raises ConfigurationError."""
    file = source.find_file()
    lines = find_lines(file.read_text(encoding="utf-8")) if file is not None else {}
    return {key: _find_origin(key, source.options, file, lines) for key in Settings.model_fields}


def find_lines(text: str) -> dict[str, int]:
    """Return the number of the line, from 1, at which each key of a valid TOML text gets a value. A
    key of a table is 'TABLE.KEY'. An empty string means the default, so it is no value."""
    found: dict[str, int] = {}
    table = ""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        match = _KEY.match(line) or _TABLE.match(line)
        # What looks like a key within a list or a text of several lines is none: what is above it
        # is not complete.
        if match is None or not _is_complete("".join(lines[: number - 1])):
            continue
        if line.lstrip().startswith("["):
            table = _plain(match[1]) + "."
        elif not re.fullmatch(r"(\"\"|'')\s*(#.*)?", line[match.end() :].strip()):
            found[table + _plain(match[1])] = number
    return found


def _plain(key: str) -> str:
    """Return a key of TOML without quotes and escapes, its parts joined by dots."""
    parts: list[str] = []
    inner: object = tomllib.loads(f"{key} = 0")
    while isinstance(inner, dict):
        ((part, inner),) = inner.items()
        parts.append(part)
    return ".".join(parts)


def _is_complete(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _find_origin(
    key: str, options: Mapping[str, Any], file: Path | None, lines: Mapping[str, int]
) -> Origin:
    if key in options:
        return Origin("command line", option_of(key))
    if (variable := variable_of(key)) is not None:
        return Origin("environment", variable)
    found = [line for name, line in lines.items() if name == key or name.startswith(f"{key}.")]
    if found:
        return Origin("file", f"{file}, line {min(found)}")
    return Origin("default")
