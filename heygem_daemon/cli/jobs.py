"""``purge``, ``retry`` and ``remove``: what happens to jobs that have ended."""

import difflib
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from heygem_daemon.cli.output import JSON_OPTION, print_json, print_table, size
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import BadInput, SpoolUnavailable
from heygem_daemon.spool import retention
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.retention import ExpiredItem
from heygem_daemon.spool.spool import Spool

MAX_LISTED_JOBS = 100_000
"""Jobs to look through for a name like the one that is not there."""


def purge(
    settings: Settings,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Delete results, inputs, failed jobs, logs and caches older than the retention time."""
    spool = existing_spool(settings)
    now = time.time()
    days = settings.retention_days
    expired = [each for each in retention.find_expired(spool, now, days) if each is not None]
    gone = expired if dry_run else [each for each in retention.purge(spool, expired) if each]
    if as_json:
        print_json({"dry_run": dry_run, "expired": [_expired_fields(each) for each in gone]})
        return
    print_table(
        "Would go" if dry_run else "Deleted",
        ("what", "path", "size", "finished"),
        (
            (e.kind, printable(str(e.path)), size(e.size_bytes), _format_time(e.completed_at))
            for e in gone
        ),
    )
    verb = "would be deleted" if dry_run else "deleted"
    typer.echo(f"{len(gone)} {verb}, {size(sum(each.size_bytes for each in gone))}.")


def retry(
    settings: Settings,
    name: Annotated[str, typer.Argument(help="Name of a folder in failed/.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Put a failed job's files back into the inbox."""
    spool = existing_spool(settings)
    try:
        stem = spool.retry(name)
    except BadInput as error:
        raise _with_guess(error, name, _failed(spool)) from None
    if as_json:
        print_json({"retried": printable(name), "inbox": printable(stem)})
    else:
        typer.echo(f"{printable(name)} is back in the inbox as {printable(stem)}.")


def remove(
    settings: Settings,
    name: Annotated[str, typer.Argument(help="Name of a result, or of a folder in failed/.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Delete one job: its result and everything that belongs to it, nothing else.

    Takes the exact name and asks nothing. A published job goes before a failed one of that name.
    """
    spool = existing_spool(settings)
    try:
        gone = spool.remove(name)
    except BadInput as error:
        raise _with_guess(error, name, _published(spool) + _failed(spool)) from None
    if as_json:
        print_json({"removed": [printable(str(path)) for path in gone]})
        return
    for path in gone:
        typer.echo(f"deleted {printable(str(path))}")


def existing_spool(settings: Settings) -> Spool:
    """The spool, for commands that must not make one. Raises SpoolUnavailable."""
    spool = Spool(settings.spool)
    if not spool.is_mounted():
        raise SpoolUnavailable(f"there is no spool in {settings.spool}, or it is not mounted")
    return spool


def _published(spool: Spool) -> list[str]:
    return [journal.name for journal in spool.latest_published(MAX_LISTED_JOBS)]


def _failed(spool: Spool) -> list[str]:
    return [journal.name for journal in spool.latest_failed(MAX_LISTED_JOBS)]


def _with_guess(error: BadInput, name: str, known: list[str]) -> BadInput:
    """The error, with the nearest name for its remedy where the name itself was wrong."""
    close = difflib.get_close_matches(name, known, n=1)
    if not close or name in known:
        return error
    return BadInput(error.reason, f'Did you mean "{printable(close[0])}"?')


def _format_time(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _expired_fields(expired: ExpiredItem) -> dict[str, object]:
    return {
        "what": expired.kind,
        "path": printable(str(expired.path)),
        "paths": [printable(str(path)) for path in expired.paths],
        "bytes": expired.size_bytes,
        "completed_at": expired.completed_at,
    }
