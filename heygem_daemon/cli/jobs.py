"""``purge``: deletes jobs that have ended long ago."""

import pwd
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from heygem_daemon.cli.liveness import require_answer
from heygem_daemon.cli.output import JSON_OPTION, own_language, print_json, print_table, say, size
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import EnvironmentFault, SpoolUnavailable
from heygem_daemon.spool import retention
from heygem_daemon.spool.clock_record import describe_doubt, find_known_time
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.retention import ExpiredItem
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system import paths
from heygem_daemon.system.clock_sync import is_synchronized
from heygem_daemon.system.sandbox import find_fault_of_unit
from heygem_daemon.system.unit import find_unit


def purge(
    settings: Settings,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be deleted.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Trust the clock although it is in doubt.")
    ] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Delete results, inputs, failed jobs, logs and caches older than the retention time.

    Does nothing where the daemon's records speak against the clock, unless NTP sets it; then it
    lists nothing either.
    """
    spool = existing_spool(settings)
    now = time.time()
    days = settings.retention_days
    if not force:
        _check_clock(spool, now, days)
    found = retention.find_expired(spool, now, days, on_fault=_tell_fault)
    expired = [each for each in found if each is not None]
    purged = expired if dry_run else retention.purge(spool, expired, _tell_fault)
    deleted = [each for each in purged if each is not None]
    if as_json:
        print_json({"dry_run": dry_run, "expired": [_expired_fields(each) for each in deleted]})
        return
    translate = own_language()
    print_table(
        "Would be deleted" if dry_run else "Deleted",
        ("what", "path", "size", "finished"),
        (
            (
                translate(each.kind),
                printable(str(each.path)),
                size(each.size_bytes),
                _format_time(each.completed_at),
            )
            for each in deleted
        ),
    )
    total = size(sum(each.size_bytes for each in deleted))
    say(
        f"{len(deleted)} would be deleted, {total}."
        if dry_run
        else f"{len(deleted)} deleted, {total}."
    )


def _tell_fault(name: str, error: Exception) -> None:
    """Say that an item stays because it could not be examined or deleted."""
    what = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    say(f"{printable(name)} stays: {printable(what)}", err=True)


def _check_clock(spool: Spool, now: float, retention_days: float) -> None:
    """Raise EnvironmentFault where the clock may be wrong, which makes everything look old."""
    known = find_known_time(spool)
    doubt = describe_doubt(now, known.newest, retention_days)
    if not known.may_purge(now, retention_days):
        raise EnvironmentFault(
            "nothing is deleted: the clock was behind, so that the retention time of all jobs"
            f" counts from {_format_time(known.counts_from or now)}. To delete by the recorded"
            " times, use --force"
        )
    if doubt is not None and is_synchronized() is not True:
        raise EnvironmentFault(
            f"nothing is deleted: {doubt}, and NTP does not confirm it. If the time is right, use"
            " --force"
        )


def existing_spool(settings: Settings) -> Spool:
    """Return the spool, for commands that must not create one. Raises SpoolUnavailable."""
    require_answer(settings.spool)
    spool = Spool(settings.spool)
    if not may_look_into(spool):
        raise EnvironmentFault(_describe_owner(spool))
    if not spool.is_mounted():
        raise SpoolUnavailable(describe_absence(settings.spool))
    return spool


def describe_absence(spool: Path) -> str:
    """Return why there is no spool in a folder: it is somewhere else, or the daemon's unit denies
    it the folder."""
    unit = find_unit() if spool.is_dir() else None
    fault = find_fault_of_unit(spool, unit) if unit is not None else None
    if fault is None:
        return f"there is no spool in {spool}, or it is not mounted"
    return f"there is no spool in {spool}: {fault.cause}. Run as root: {fault.remedy_of('spool')}"


def may_look_into(spool: Spool) -> bool:
    """Return whether this user may see what the daemon keeps of the spool's state. Whoever may not
    can still write into its inbox."""
    try:
        paths.lstat(spool.sentinel)
    except PermissionError:
        return False
    except OSError:
        return True
    return True


def _describe_owner(spool: Spool) -> str:
    """Return what to tell somebody who may not look into the spool: whose it is, what to do."""
    uid, place = _owner_of(spool), f"the spool in {printable(str(spool.root))}"
    if uid is None:
        return (
            f"you may not look into {place}. Run this command as the user that the daemon runs as,"
            " or ask whoever runs it"
        )
    try:
        name = printable(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return (
            f"{place} belongs to the user with the number {uid}, who has no name on this machine,"
            " and only that user may see what is in it. Ask whoever runs the daemon"
        )
    return (
        f"{place} belongs to the user {name}, and only that user may see what is in it. Run this"
        f" command as that user, for example with `sudo -u {name}`, or ask whoever runs the daemon"
    )


def _owner_of(spool: Spool) -> int | None:
    """Return the id of the user whose spool it is; None if this user may not see that either."""
    for folder in (spool.state, spool.root):
        with suppress(OSError):
            return paths.lstat(folder).st_uid
    return None


def _format_time(unix: float) -> str:
    return datetime.fromtimestamp(unix).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def _expired_fields(expired: ExpiredItem) -> dict[str, object]:
    return {
        "what": expired.kind,
        "path": printable(str(expired.path)),
        "paths": [printable(str(path)) for path in expired.paths],
        "bytes": expired.size_bytes,
        "completed_at": expired.completed_at,
    }
