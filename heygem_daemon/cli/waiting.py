"""What a command shows while it copies or waits: on stderr, and only where somebody looks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, TextColumn

from heygem_daemon.cli.output import print_json

POLL_SECONDS = 0.5
NO_DAEMON = "no daemon is running on this spool; the {} waits for one"


def bar(*columns: ProgressColumn) -> Progress:
    """A bar that is gone when it is done."""
    console = Console(stderr=True)
    shown = (TextColumn("{task.description}"), BarColumn(), *columns)
    return Progress(*shown, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def copying() -> Iterator[Callable[[int, int], None]]:
    """A bar for a copy; gives what is to be called with the bytes done and their total."""
    with bar(DownloadColumn()) as progress:
        task = progress.add_task("copying")
        yield lambda done, total: progress.update(task, completed=done, total=total)


def warn(what: str) -> None:
    """Say that ``what`` will wait: there is no daemon."""
    typer.echo(f"heygem-daemon: {NO_DAEMON.format(what)}", err=True)


def say(as_json: bool, value: dict[str, object], text: str) -> None:
    """The result of a command, for a script or a person."""
    if as_json:
        print_json(value)
    else:
        typer.echo(text)
