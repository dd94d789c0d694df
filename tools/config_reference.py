"""Writes docs/configuration.md from the settings and the comments of config.toml. ``--write``
updates it."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from heygem_daemon.config.effect import Effect
from heygem_daemon.config.loading import option_of
from heygem_daemon.config.reference import (
    GROUPS,
    DescribedSetting,
    describe_settings,
    kind_in_words,
    settings_of,
)
from heygem_daemon.config.settings import ENVIRONMENT_PREFIX
from tools.generated import check_or_write

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "configuration.md"
TEMPLATE = ROOT / "config.toml"

HEAD = """\
# Configuration

<!-- Made from the settings and config.toml by: python -m tools.config_reference --write -->

Every setting, with its values, its default, and when a change takes effect in a running daemon.
The file is `/etc/heygem-daemon/config.toml`, or the one that `--config` or `HEYGEM_CONFIG` names. A
variable overrides the file, and an option overrides both. `heygem-daemon config check` tells every
mistake, `config show` where each value comes from, and `systemctl reload heygem-daemon` applies a
change.
"""

WHEN = {
    Effect.AT_ONCE: "at once",
    Effect.NEXT_JOB: "with the next job",
    Effect.RESTART: "after a restart",
}


def reference() -> str:
    """Return the document."""
    return "\n".join(_parts())


def _parts() -> Iterator[str]:
    yield HEAD
    comments = read_comments(TEMPLATE.read_text(encoding="utf-8"))
    for group in GROUPS:
        yield f"## {group}\n"
        for setting in settings_of(group):
            yield from _setting(setting, comments[setting.key])


def _setting(setting: DescribedSetting, comment: str) -> Iterator[str]:
    option, variable = option_of(setting.key), ENVIRONMENT_PREFIX + setting.key.upper()
    yield f"### `{setting.key}`\n"
    kind = kind_in_words(setting)
    yield (
        f"{kind[0].upper()}{kind[1:]}. Default: `{setting.default}`. A change applies"
        f" {WHEN[setting.effect]}. `{option}`, `{variable}`.\n"
    )
    yield f"{comment}\n"


def read_comments(text: str) -> dict[str, str]:
    """Return the comment above each key of config.toml, as Markdown: lines that are indented in it
    become lines of code."""
    found: dict[str, str] = {}
    comment: list[str] = []
    for line in text.splitlines():
        if line.startswith("# ----") or not line:
            comment = []
        elif line.startswith("#"):
            comment.append(line.removeprefix("#").removeprefix(" "))
        elif match := re.match(r"\[?(\w+)(?: =|\]$)", line):
            found[match[1]] = "\n".join(_markdown(comment))
            comment = []
    return found


def _markdown(lines: list[str]) -> Iterator[str]:
    in_code = False
    for line in lines:
        if line.startswith("  ") != in_code:
            yield "```" if in_code else "\n```text"
            in_code = not in_code
        yield line if in_code else _escape(line)
    if in_code:
        yield "```"


def _escape(line: str) -> str:
    keys = "|".join(sorted((each.key for each in describe_settings()), key=len, reverse=True))
    marked = re.sub(rf"(?<![\w`.])((?:{keys})(?: = \S+)?)(?![\w`])", _mark, line)
    return marked.replace("<", "&lt;").replace("*", "\\*")


def _mark(match: re.Match[str]) -> str:
    return f"`{match[1]}`" if "_" in match[1] or " = " in match[1] else match[1]


if __name__ == "__main__":
    sys.exit(check_or_write(DOCUMENT, reference(), __doc__))
