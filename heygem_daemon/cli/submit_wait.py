"""Waits for what was submitted, and prints how it ended."""

import time
from dataclasses import dataclass

import typer
from rich.progress import Progress, TaskID, TaskProgressColumn, TimeElapsedColumn

from heygem_daemon.cli.jobs import may_look_into
from heygem_daemon.cli.liveness import FoundDaemon, find_daemon
from heygem_daemon.cli.output import (
    POLL_SECONDS,
    ExitStatus,
    own_language,
    print_result,
    progress_bar,
)
from heygem_daemon.cli.status_tables import progress_text
from heygem_daemon.report.liveness import describe_wait
from heygem_daemon.report.waiting import wait_reason
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.finished import FinishedWatcher
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.names import fold, printable, split_extension
from heygem_daemon.spool.publish import published_video
from heygem_daemon.spool.spool import Spool


@dataclass(frozen=True, slots=True)
class SubmittedJobEnd:
    """How a submitted job ended."""

    journal: Journal | None
    """Its final journal; None where it has not ended within the timeout."""

    @property
    def exit_status(self) -> ExitStatus:
        if self.journal is None:
            return ExitStatus.UNAVAILABLE
        published = self.journal.outcome == "published"
        return ExitStatus.DONE if published else ExitStatus.FAILED


def title_of(spool: SpoolLayout, stem: str) -> str:
    """Return the name that the status gives to what has this stem in the inbox."""
    return printable(f"{spool.folder}/{stem}" if spool.folder else stem)


def warn_if_idle(spool: SpoolLayout, what: str) -> None:
    """Warn that ``what`` waits where no daemon works, as far as this user may see that."""
    if not may_look_into(Spool(spool.root)):
        return
    condition = find_daemon(Spool(spool.root), time.time()).liveness.condition
    if condition != "works":
        typer.echo(f"heygem-daemon: {own_language()(describe_wait(condition, what))}", err=True)


def wait_for_job(
    spool: SpoolLayout, stem: str, watcher: FinishedWatcher, deadline: float | None
) -> SubmittedJobEnd:
    """Return how the job that was submitted as ``stem`` ended. ``deadline``: monotonic time."""
    with progress_bar(TaskProgressColumn(), TimeElapsedColumn()) as progress:
        task = progress.add_task("waiting", total=None)
        if progress.disable:
            warn_if_idle(spool, "pair")
        while deadline is None or time.monotonic() < deadline:
            for journal in watcher.poll_jobs():
                if journal.folder == spool.folder and _is_journal_of(stem, journal):
                    return SubmittedJobEnd(journal)
            _show_job_progress(progress, task, spool, stem)
            time.sleep(POLL_SECONDS)
    return SubmittedJobEnd(None)


def _show_job_progress(progress: Progress, task: TaskID, spool: SpoolLayout, stem: str) -> None:
    daemon = find_daemon(Spool(spool.root), time.time())
    if (status := daemon.status) is None:
        text = own_language()(describe_wait(daemon.liveness.condition, "pair"))
        progress.update(task, description=text)
        return
    title = title_of(spool, stem)
    job = next((job for job in status.jobs if job.name == title), None)
    if job is None:
        found = (each for each in status.inbox if split_extension(each.name)[0] == title)
        waits = [wait_reason(each) for each in found]
        progress.update(task, description=own_language()(_in_inbox(waits)))
    elif job.total_frames:
        progress.update(
            task,
            description=own_language()(progress_text(job)),
            completed=job.frames,
            total=job.total_frames,
        )
    else:
        text = progress_text(job) if job.state == "running" else wait_reason(job)
        progress.update(task, description=own_language()(text))


def _is_journal_of(stem: str, journal: Journal) -> bool:
    return fold(split_extension(journal.audio_name)[0]) == fold(stem)


def print_job_end(as_json: bool, spool: SpoolLayout, stem: str, end: SubmittedJobEnd) -> None:
    """Print how a job ended, or that it has not."""
    name, journal = title_of(spool, stem), end.journal
    if journal is None:
        print_result(as_json, {"name": name, "outcome": None}, f"{name}: no result yet")
    elif journal.outcome == "published":
        video = str(spool.outbox / published_video(journal))
        print_result(as_json, {"name": name, "outcome": "published", "video": video}, video)
    else:
        reason = {"reason": journal.reason, "remedy": journal.remedy}
        text = f"{name} failed: {journal.reason} {journal.remedy}".strip()
        print_result(as_json, {"name": name, "outcome": "failed", **reason}, text)


def wait_for_batch(
    spool: SpoolLayout, stem: str, watcher: FinishedWatcher, deadline: float | None
) -> Batch | None:
    """Return the batch that was submitted as ``stem`` once it has ended; None at the deadline."""
    with progress_bar(TaskProgressColumn(), TimeElapsedColumn()) as progress:
        task = progress.add_task("waiting", total=None)
        while deadline is None or time.monotonic() < deadline:
            for batch in watcher.poll_batches():
                is_here = batch.journal.folder == spool.folder
                if is_here and fold(batch.journal.folder_name) == fold(stem):
                    return batch
            daemon = find_daemon(Spool(spool.root), time.time())
            done, total, text = _batch_progress(daemon, title_of(spool, stem))
            progress.update(task, description=text, completed=done, total=total)
            time.sleep(POLL_SECONDS)
    return None


def _batch_progress(daemon: FoundDaemon, title: str) -> tuple[int, int | None, str]:
    """Return how many members are done, how many there are (None: not known yet), and the progress
    in words."""
    if (status := daemon.status) is None:
        return 0, None, own_language()(describe_wait(daemon.liveness.condition, "batch"))
    for batch in status.batches:
        if fold(batch.dropped_as) == fold(title):
            return batch.published + batch.failed, batch.members, wait_reason(batch)
    waits = [wait_reason(each) for each in status.inbox if each.name == title]
    return 0, None, own_language()(_in_inbox(waits))


def _in_inbox(waits: list[str]) -> str:
    return f"in the inbox: {waits[0]}" if waits else "in the inbox"


def batch_exit_status(end: Batch | None) -> ExitStatus:
    """Return the exit status for a batch; None: it has not ended."""
    if end is None:
        return ExitStatus.UNAVAILABLE
    failed = any(each.outcome != "published" for each in end.journal.ended)
    return ExitStatus.FAILED if failed else ExitStatus.DONE


def print_batch_end(as_json: bool, spool: SpoolLayout, stem: str, end: Batch | None) -> None:
    """Print how a batch ended, and which members failed."""
    name = title_of(spool, stem)
    if end is None:
        print_result(as_json, {"name": name, "outcome": None}, f"{name}: no result yet")
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
    print_result(as_json, value, "\n".join([*lines, *(zips or [str(folder)])]))
