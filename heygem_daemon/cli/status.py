"""``status``: shows what the daemon does, what waits, and how the last jobs ended."""

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import PurePosixPath
from typing import Annotated

import typer

from heygem_daemon.cli.failures import MAX_GONE, FailedGroup, find_failures
from heygem_daemon.cli.jobs import existing_spool
from heygem_daemon.cli.liveness import FoundDaemon, find_daemon
from heygem_daemon.cli.output import (
    JSON_OPTION,
    ExitStatus,
    duration,
    own_language,
    print_json,
    print_table,
    say,
)
from heygem_daemon.cli.spool_reading import read_spool
from heygem_daemon.cli.status_tables import print_tables
from heygem_daemon.config.settings import Settings
from heygem_daemon.report.liveness import DaemonCondition
from heygem_daemon.report.status import Status
from heygem_daemon.report.totals import describe_totals
from heygem_daemon.report.waiting import ORDER_NOTE, waiting_in_order
from heygem_daemon.spool.batch.journal import Batch, BatchJournal
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.publish import ended_path
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system import paths

WATCH_SECONDS = 2.0
"""How often ``--watch`` looks again."""

_CLEAR = "\x1b[H\x1b[2J"
"""Moves a terminal's cursor to its first line and clears the screen (ECMA-48: CUP, ED)."""


@dataclass(frozen=True, slots=True)
class SpoolView:
    """What one look at a spool finds."""

    spool: Spool
    at: float
    """UNIX time."""
    daemon: FoundDaemon
    read: Status | None
    """What lies in the spool, where no daemon reports it; None: one does."""
    results: list[Journal]
    failures: list[FailedGroup]
    batches: list[Batch]

    @property
    def exit_status(self) -> ExitStatus:
        """``UNAVAILABLE`` where no daemon works, or where none of its jobs can start."""
        status = self.daemon.status
        is_held = status is not None and status.hold is not None
        is_at_work = self.daemon.liveness.is_at_work and not is_held
        return ExitStatus.DONE if is_at_work else ExitStatus.UNAVAILABLE


def status(
    settings: Settings,
    last: Annotated[int, typer.Option(help="How many results and failures to list.")] = 10,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every 2 s.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Show the queue, the running jobs, the devices, the last results and failures.

    Where no daemon reports them, the jobs are read from the spool itself. Exit status 3 if nobody
    works: the daemon is stopped, hung or blocked, or what its jobs need is missing.
    """
    exit_status = _show(settings, last, as_json, clear=False)
    try:
        while watch:
            time.sleep(WATCH_SECONDS)
            exit_status = _show(settings, last, as_json, clear=sys.stdout.isatty())
    except KeyboardInterrupt:
        pass
    raise typer.Exit(exit_status)


def _show(settings: Settings, last: int, as_json: bool, *, clear: bool) -> ExitStatus:
    view = _look(settings, last)
    if clear:
        typer.echo(_CLEAR, nl=False)
    if as_json:
        print_json(_fields(view))
    else:
        _print(view)
    return view.exit_status


def _look(settings: Settings, last: int) -> SpoolView:
    spool, now = existing_spool(settings), time.time()
    daemon = find_daemon(spool, now)
    return SpoolView(
        spool=spool,
        at=now,
        daemon=daemon,
        read=None if daemon.status else read_spool(spool, daemon.last, now, settings.folders),
        results=list(islice(_still_there(spool, spool.latest_published(last + MAX_GONE)), last)),
        failures=find_failures(spool.latest_failed, partial(_still_there, spool), last),
        batches=spool.batches.latest_finished(last),
    )


def _still_there(spool: Spool, journals: Iterable[Journal]) -> Iterator[Journal]:
    """Return the jobs whose files are there, as the status page does. Where one has taken the place
    of another, as after a retry, the last one counts."""
    by_path: dict[PurePosixPath, Journal] = {}
    for journal in journals:
        by_path.setdefault(ended_path(journal), journal)
    return (each for path, each in by_path.items() if paths.exists(spool.root / path))


def _fields(view: SpoolView) -> dict[str, object]:
    last, read = view.daemon.last, view.read
    return {
        "running": view.daemon.status is not None,
        "condition": view.daemon.liveness.condition,
        "why": view.daemon.liveness.sentence,
        "daemon": last.model_dump(mode="json") if last else None,
        "spool": read.model_dump(mode="json", include=_READ_FIELDS) if read else None,
        "results": [_journal_fields(journal) for journal in view.results],
        "failures": [_journal_fields(each) for one in view.failures for each in one.journals],
        "batches": [_batch_fields(batch.journal) for batch in view.batches],
    }


_READ_FIELDS = {"jobs", "batches", "inbox", "backlog", "unlisted"}


def _print(view: SpoolView) -> None:
    live, now = view.daemon.status, view.at
    typer.echo(_headline(view))
    if live is not None:
        if live.clock_doubt:
            say(f"Nothing is purged: {live.clock_doubt}.")
        if live.settings_note:
            say(f"Settings: {live.settings_note}.")
        for each in live.unwritten:
            say(f"{each.path} is not written: {each.why}.")
        _print_notifications(live)
    shown = live or view.read
    if shown is not None:
        if totals := describe_totals(shown):
            say(totals)
        if live is None and any(waiting_in_order(shown)):
            say(ORDER_NOTE)
        print_tables(shown)
    print_table("Last results", ("name", "id", "finished"), _rows(view.results, now))
    print_table(
        "Last batches", ("name", "id", "finished", "members"), _batch_rows(view.batches, now)
    )
    print_table(
        "Last failures", ("name", "id", "finished", "reason"), _failed_rows(view.failures, now)
    )


def _print_notifications(status: Status) -> None:
    """Say what waits for targets that take nothing."""
    if (found := status.notifications) is None:
        return
    for each in found.silent:
        say(f"{each.name} does not take notifications: {each.reason}.")
    if found.silent:
        say(f"Notifications that wait: {found.waiting}.")


def _headline(view: SpoolView) -> str:
    live, root = view.daemon.status, printable(str(view.spool.root))
    translate = own_language()
    if live is None:
        liveness = view.daemon.liveness
        condition = translate(_CONDITIONS[liveness.condition], spool=root)
        return translate.joint.join((condition, translate(liveness.sentence)))
    up, state = duration(view.at - live.started), translate(live.state)
    sentences = [
        translate(f"heygem-daemon {live.version} on {live.spool}: {state}, up {up}."),
        translate(f"Waiting: {live.hold}") if live.hold else "",
        translate(f"No job starts: {live.rest}.") if live.rest else "",
    ]
    return translate.joint.join(filter(None, sentences))


_CONDITIONS: dict[DaemonCondition, str] = {
    "works": "A daemon works on {spool}.",
    "starting": "A daemon is starting on {spool}.",
    "stopped": "No daemon is running on {spool}.",
    "hung": "The daemon on {spool} hangs.",
    "blocked": "The daemon on {spool} is blocked.",
}


def _rows(journals: list[Journal], now: float) -> Iterator[tuple[str, str, str]]:
    for journal in journals:
        yield (
            printable(journal.name),
            journal.id,
            _ago(journal.completed_at, now),
        )


def _ago(completed_at: float | None, now: float) -> str:
    return f"{duration(now - (completed_at or now))} ago"


def _failed_rows(failures: list[FailedGroup], now: float) -> Iterator[tuple[str, ...]]:
    for each in failures:
        reasons = "\n".join(map(own_language(), each.reasons))
        yield printable(each.name), each.id, _ago(each.completed_at, now), reasons


def _batch_rows(batches: list[Batch], now: float) -> Iterator[tuple[str, ...]]:
    for journal in (batch.journal for batch in batches):
        published = sum(end.outcome == "published" for end in journal.ended)
        failed = len(journal.ended) - published
        members = f"{published} published" + (f", {failed} failed" if failed else "")
        yield printable(journal.title), journal.id, _ago(journal.completed_at, now), members


def _batch_fields(journal: BatchJournal) -> dict[str, object]:
    return {
        "id": journal.id,
        "name": journal.name,
        "completed_at": journal.completed_at,
        "members": {end.name: end.outcome for end in journal.ended},
        "zip": next((file.name for file in journal.published), None),
    }


def _journal_fields(journal: Journal) -> dict[str, object]:
    return {
        "id": journal.id,
        "name": printable(journal.name),
        "audio": printable(journal.audio_name),
        "video": printable(journal.video_name),
        "attempts": journal.attempts,
        "claimed_at": journal.claimed_at,
        "completed_at": journal.completed_at,
        "reason": journal.reason,
        "remedy": journal.remedy,
    }
