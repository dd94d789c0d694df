"""Exit statuses, the same for every command.

What commands print: JSON for scripts, tables for people.

What a command shows while it copies or waits: on stderr, and only where somebody looks.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text


class ExitStatus(IntEnum):
    """What a script may act on."""

    DONE = 0
    FAILED = 1
    """A job failed, a check failed, or what was named is not there."""
    USAGE = 2
    """A setting or the command line is wrong: trying again changes nothing."""
    UNAVAILABLE = 3
    """Spool, disk or device are missing for now: trying again later may do."""
    BUG = 70


FILE_WIDTH = 300
"""Columns where the output is no terminal: paths must not be cut for want of a screen."""

JSON_OPTION = typer.Option("--json", help="Print JSON.")


def print_json(value: object) -> None:
    """To stdout, in ASCII: whatever the terminal's encoding and whatever bytes names hold."""
    typer.echo(json.dumps(value, indent=2, default=str))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """To stdout; nothing where there are no rows. Cells are text, never markup."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, FILE_WIDTH)
    if table.row_count:
        console.print(table)


def duration(seconds: float) -> str:
    """As 7 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def time_of_day(unix: float) -> str:
    """The local time of day, as 14:03:20."""
    return time.strftime("%H:%M:%S", time.localtime(unix))


def size(count: int | None) -> str:
    """Bytes as 1.5 GiB; a question mark for what is not known."""
    if count is None:
        return "?"
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


POLL_SECONDS = 0.5
NO_DAEMON_MESSAGE = "no daemon is running on this spool; the {} waits for one"


def progress_bar(*columns: ProgressColumn) -> Progress:
    """A bar that is gone when it is done."""
    console = Console(stderr=True)
    shown = (TextColumn("{task.description}"), BarColumn(), *columns)
    return Progress(*shown, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def copy_progress() -> Iterator[Callable[[int, int], None]]:
    """A bar for a copy; gives what is to be called with the bytes done and their total."""
    with progress_bar(DownloadColumn()) as progress:
        task = progress.add_task("copying")
        yield lambda done, total: progress.update(task, completed=done, total=total)


def warn_no_daemon(what: str) -> None:
    """Say that ``what`` will wait: there is no daemon."""
    typer.echo(f"heygem-daemon: {NO_DAEMON_MESSAGE.format(what)}", err=True)


def print_result(as_json: bool, value: dict[str, object], text: str) -> None:
    """The result of a command, for a script or a person."""
    if as_json:
        print_json(value)
    else:
        typer.echo(text)
