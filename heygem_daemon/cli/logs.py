"""``logs``: tells the story of one job or batch from the log files, the rotated ones too."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from heygem_daemon.cli.output import JSON_OPTION, say
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import BadInput, SpoolUnavailable
from heygem_daemon.spool.names import printable, split_extension
from heygem_daemon.system import paths
from heygem_daemon.system.log import LOG_FILE_NAME, resolve_folder
from heygem_daemon.system.log_lines import LoggedLine, parse_line
from heygem_daemon.system.log_rotation import rotated_names

LOGGED_AS_TEXT = (
    "Lines of this log were written as text: their numbers are text too, and what the sentence says"
    " is in no other field. With log_json = true the daemon logs all fields with their types."
)


def logs(
    settings: Settings,
    name: Annotated[str, typer.Argument(help="A job, BATCH, BATCH/MEMBER, or a job's id.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Print what the log says of one job or batch, the oldest line first.

    Exit status 1 if it says nothing of that name.
    """
    story = list(find_story(_lines(settings), name))
    if not story:
        raise BadInput(
            f"The log files in {settings.log_folder} say nothing of {printable(name)}.",
            "The names of jobs are those of their files, without an extension.",
        )
    for line in story:
        typer.echo(json.dumps(line.fields, default=str) if as_json else line.text)
    if as_json and not all(line.is_json for line in story):
        say(LOGGED_AS_TEXT, err=True)


def find_story(lines: Iterable[str], name: str) -> Iterator[LoggedLine]:
    """Yield the lines that concern ``name``, in their order, each with its traceback."""
    wanted = printable(name)
    found: LoggedLine | None = None
    for text in lines:
        if text.startswith("    "):  # a traceback belongs to the line above
            found = found and found.with_trace(text)
            continue
        if found is not None:
            yield found
        line = parse_line(text)
        found = line if line is not None and _concerns(line, wanted) else None
    if found is not None:
        yield found


def _concerns(line: LoggedLine, name: str) -> bool:
    job, batch = str(line.fields.get("job", "")), str(line.fields.get("batch", ""))
    file = str(line.fields.get("file", "")) if "job" not in line.fields else ""
    return (
        name in (job, batch, line.fields.get("id"), file, split_extension(file)[0])
        or job.startswith(f"{name}/")
    )  # fmt: skip


def _lines(settings: Settings) -> Iterator[str]:
    """Yield the lines of all log files, the oldest first. Raises SpoolUnavailable."""
    folder = resolve_folder(settings.log_folder, settings.spool)
    try:
        names = paths.names_in(folder)
        for name in (*rotated_names(LOG_FILE_NAME, names), LOG_FILE_NAME):
            if name in names:
                yield from _read_lines(folder / name)
    except OSError as error:
        raise SpoolUnavailable(f"the log in {folder} cannot be read: {error.strerror}") from error


def _read_lines(file: Path) -> Iterator[str]:
    with paths.reader(file) as stream:
        for line in stream:
            yield line.decode("utf-8", "backslashreplace").rstrip("\n")
