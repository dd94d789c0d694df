"""What all commands share: exit statuses, the language of what they say, JSON and tables on stdout,
progress bars on stderr."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from heygem_daemon.language.translator import (
    LanguageSetting,
    Translator,
    terminal_language,
    translator,
)


class ExitStatus(IntEnum):
    """The exit statuses of every command."""

    DONE = 0

    FAILED = 1
    """A job failed, a check failed, or what was named does not exist."""

    USAGE = 2
    """A setting or the command line is wrong. Trying again does not help."""

    UNAVAILABLE = 3
    """The spool, its disk or a device is missing now. Trying again later may help."""

    BUG = 70
    """EX_SOFTWARE of sysexits.h."""


FILE_WIDTH = 300
"""Columns of a table in a file or a pipe: wide enough that paths are not cut."""

JSON_OPTION = typer.Option("--json", help="Print JSON.")


_LANGUAGE: ContextVar[LanguageSetting] = ContextVar("language", default="both")
"""The setting of the command that runs. What it calls prints from everywhere, also in threads of
progress bars: to hand the language on would give each of them an argument."""


@contextmanager
def speaking(language: LanguageSetting) -> Iterator[None]:
    """Let the command within the block say everything in the language of its settings."""
    token = _LANGUAGE.set(language)
    try:
        yield
    finally:
        _LANGUAGE.reset(token)


def own_language() -> Translator:
    """Return the translator of the command that runs."""
    return translator(terminal_language(_LANGUAGE.get(), os.environ))


def say(text: str, *, err: bool = False) -> None:
    """Print a text of the program for people, translated: each line for itself."""
    translate = own_language()
    typer.echo("\n".join(translate(line) for line in text.split("\n")), err=err)


def print_json(value: object) -> None:
    """Print ``value`` as JSON to stdout. It is ASCII, so that any terminal and any name works."""
    typer.echo(json.dumps(value, indent=2, default=str))


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    count: int | None = None,
) -> None:
    """Print a table to stdout; nothing where there are no rows. Cells are text, never markup.
    A cell of one word may be a name, and is not translated. ``count`` stands beside the title."""
    translate = own_language()
    heading = translate(title) if count is None else f"{translate(title)} ({count})"
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(translate(column), overflow="fold")
    for row in rows:
        texts = (str(cell) for cell in row)
        table.add_row(*(Text(translate(each) if " " in each else each) for each in texts))
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, FILE_WIDTH)
    if table.row_count:
        # Not the table's own title, which would be broken at the table's width.
        console.print(Text(heading, style="bold"))
        console.print(table)


def duration(seconds: float) -> str:
    """Format seconds as 7 s, 3 min 20 s or 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: int | None) -> str:
    """Format bytes as 1.5 GiB; None as a question mark."""
    if count is None:
        return "?"
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


POLL_SECONDS = 0.5
"""How often a command that waits looks for the result."""


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Return a progress bar on stderr that disappears at its end; invisible where stderr is no
    terminal."""
    console = Console(stderr=True)
    all_columns = (TextColumn("{task.description}"), BarColumn(), *columns)
    return Progress(*all_columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def copy_progress() -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar for a copy. Yields the function that updates it, whose arguments are the
    bytes copied and their total."""
    with progress_bar(DownloadColumn()) as progress:
        task = progress.add_task("copying")
        yield lambda done, total: progress.update(task, completed=done, total=total)


def print_result(as_json: bool, value: dict[str, object], text: str) -> None:
    """Print the result of a command: ``value`` as JSON, or ``text`` for people."""
    if as_json:
        print_json(value)
    else:
        say(text)
