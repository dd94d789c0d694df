"""``submit`` of a folder: a batch into the inbox, and if asked the wait for its end."""

import time
from pathlib import Path

import typer
from rich.progress import TaskProgressColumn, TimeElapsedColumn

from heygem_daemon.cli.exits import ExitStatus
from heygem_daemon.cli.living import living
from heygem_daemon.cli.waiting import NO_DAEMON, POLL_SECONDS, bar, copying, say, warn
from heygem_daemon.report.status import Status
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.batch.submit import submit_folder
from heygem_daemon.spool.endings import Endings
from heygem_daemon.spool.names import fold, printable
from heygem_daemon.spool.spool import Spool


def submit_batch(
    spool: Spool, folder: Path, name: str | None, deadline: float | None, as_json: bool
) -> None:
    """Copy ``folder`` into the inbox; then wait until monotonic time ``deadline``, if it is not
    over already. Raises BadInput."""
    endings = Endings(spool, time.monotonic)
    with copying() as show:
        stem = submit_folder(folder, spool.inbox, name, show)
    if living(spool, time.time()) is None:
        warn("batch")
    if deadline is not None and deadline <= time.monotonic():
        say(as_json, {"name": printable(stem)}, f"submitted as {printable(stem)}")
        return
    end = _wait_for(spool, stem, endings, deadline)
    _say_end(as_json, spool, stem, end)
    raise typer.Exit(_status(end))


def _wait_for(spool: Spool, stem: str, endings: Endings, deadline: float | None) -> Batch | None:
    with bar(TaskProgressColumn(), TimeElapsedColumn()) as progress:
        task = progress.add_task("waiting", total=None)
        while deadline is None or time.monotonic() < deadline:
            for batch in endings.new_batches():
                if fold(batch.journal.folder_name) == fold(stem):
                    return batch
            done, total, text = _progress(living(spool, time.time()), stem)
            progress.update(task, description=text, completed=done, total=total)
            time.sleep(POLL_SECONDS)
    return None


def _progress(status: Status | None, stem: str) -> tuple[int, int | None, str]:
    """Members done, all of them where that is known, and where the batch is, in words."""
    if status is None:
        return 0, None, NO_DAEMON.format("batch")
    for batch in status.batches:
        if fold(batch.dropped_as) == fold(printable(stem)):
            return batch.published + batch.failed, batch.members, batch.progress
    waits = [each.reason for each in status.inbox if each.name == printable(stem)]
    return 0, None, f"in the inbox: {waits[0]}" if waits else "in the inbox"


def _status(end: Batch | None) -> ExitStatus:
    if end is None:
        return ExitStatus.UNAVAILABLE
    failed = any(each.outcome != "published" for each in end.journal.ended)
    return ExitStatus.FAILED if failed else ExitStatus.DONE


def _say_end(as_json: bool, spool: Spool, stem: str, end: Batch | None) -> None:
    name = printable(stem)
    if end is None:
        say(as_json, {"name": name, "outcome": None}, f"{name}: no result yet")
        return
    journal = end.journal
    folder = spool.outbox / journal.name
    failed = {each.name: each.reason for each in journal.ended if each.outcome != "published"}
    zips = [str(folder / file.name) for file in journal.published]
    lines = [f"{member} failed: {reason}" for member, reason in failed.items()]
    value: dict[str, object] = {
        "name": name,
        "outcome": "finished",
        "folder": str(folder),
        "zip": zips[0] if zips else None,
        "published": len(journal.ended) - len(failed),
        "failed": failed,
    }
    say(as_json, value, "\n".join([*lines, *(zips or [str(folder)])]))
