"""``submit``: copies a pair or a folder into the inbox, and waits for the result if requested."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID, TaskProgressColumn, TimeElapsedColumn

from heygem_daemon.cli.output import (
    JSON_OPTION,
    NO_DAEMON_MESSAGE,
    POLL_SECONDS,
    ExitStatus,
    copy_progress,
    print_result,
    progress_bar,
    warn_no_daemon,
)
from heygem_daemon.cli.status import progress_text, read_live_status
from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.config.settings import Settings
from heygem_daemon.report.status import Status
from heygem_daemon.service.content_reader import read_content
from heygem_daemon.spool import submit as spool_submit
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.finished import FinishedWatcher
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.names import fold, printable, split_extension
from heygem_daemon.spool.publish import published_video
from heygem_daemon.spool.spool import Spool
from heygem_daemon.spool.submit import ReadContent, nothing_found, submit_folder


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


def submit(
    settings: Settings,
    # Not "audio", which is a setting and thereby an option of every command.
    sound: Annotated[
        Path, typer.Argument(metavar="AUDIO", help="The audio to be spoken, or a folder: a batch.")
    ],
    video: Annotated[
        Path | None, typer.Argument(help="The video of the face; none with a folder.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The job's name; default: the audio's, or the folder's.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result.")] = False,
    timeout: Annotated[float, typer.Option(help="Longest wait in seconds; 0: no limit.")] = 0.0,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Copy a pair, or a folder as a batch, into the inbox. It appears there complete or not at all.

    With --wait: exit status 0 and the result's path (a batch's ZIP) once it is published, 1 and
    the reason if the job or a member failed, 3 after the timeout.
    """
    spool = Spool(settings.spool)
    if not spool.inbox.is_dir():
        spool.prepare()
    deadline = time.monotonic() + timeout if timeout else None
    read = _content_reader(settings)
    if video is None:
        submit_batch(spool, sound, name, deadline if wait else 0.0, as_json, read)
        return
    watcher = FinishedWatcher(spool, time.monotonic)
    with copy_progress() as show:
        stem = spool_submit.submit_pair(sound, video, spool.inbox, name, show, read)
    if not wait:
        if read_live_status(spool, time.time()) is None:
            warn_no_daemon("pair")
        print_result(as_json, {"name": printable(stem)}, f"submitted as {printable(stem)}")
        return
    end = _wait_for_job(spool, stem, watcher, deadline)
    _print_job_end(as_json, spool, stem, end)
    raise typer.Exit(end.exit_status)


def _content_reader(settings: Settings) -> ReadContent:
    """Return a function that tells what a file holds, read as the daemon's probe reads it."""

    def read(path: Path) -> MediaContent:
        return read_content(path, settings.media_limits, confine=settings.confine == "auto")

    return read


def _wait_for_job(
    spool: Spool, stem: str, watcher: FinishedWatcher, deadline: float | None
) -> SubmittedJobEnd:
    with progress_bar(TaskProgressColumn(), TimeElapsedColumn()) as progress:
        task = progress.add_task("waiting", total=None)
        if progress.disable and read_live_status(spool, time.time()) is None:
            warn_no_daemon("pair")
        while deadline is None or time.monotonic() < deadline:
            for journal in watcher.poll_jobs():
                if _is_journal_of(stem, journal):
                    return SubmittedJobEnd(journal)
            _show_job_progress(progress, task, spool, stem)
            time.sleep(POLL_SECONDS)
    return SubmittedJobEnd(None)


def _show_job_progress(progress: Progress, task: TaskID, spool: Spool, stem: str) -> None:
    status = read_live_status(spool, time.time())
    if status is None:
        progress.update(task, description=NO_DAEMON_MESSAGE.format("pair"))
        return
    job = next((job for job in status.jobs if job.name == printable(stem)), None)
    if job is None:
        waits = [each.reason for each in status.inbox if split_extension(each.name)[0] == stem]
        progress.update(task, description=f"in the inbox: {waits[0]}" if waits else "in the inbox")
    elif job.total_frames:
        progress.update(
            task, description=progress_text(job), completed=job.frames, total=job.total_frames
        )
    else:
        progress.update(task, description=progress_text(job) or job.state)


def _is_journal_of(stem: str, journal: Journal) -> bool:
    return fold(split_extension(journal.audio_name)[0]) == fold(stem)


def _print_job_end(as_json: bool, spool: Spool, stem: str, end: SubmittedJobEnd) -> None:
    name, journal = printable(stem), end.journal
    if journal is None:
        print_result(as_json, {"name": name, "outcome": None}, f"{name}: no result yet")
    elif journal.outcome == "published":
        video = str(spool.outbox / published_video(journal))
        print_result(as_json, {"name": name, "outcome": "published", "video": video}, video)
    else:
        reason = {"reason": journal.reason, "remedy": journal.remedy}
        text = f"{name} failed: {journal.reason} {journal.remedy}".strip()
        print_result(as_json, {"name": name, "outcome": "failed", **reason}, text)


def submit_batch(
    spool: Spool,
    folder: Path,
    name: str | None,
    deadline: float | None,
    as_json: bool,
    read: ReadContent = nothing_found,
) -> None:
    """Copy ``folder`` into the inbox, and wait until its batch ends. Raises BadInput.

    ``deadline`` is the monotonic time at which the wait ends; None: no limit. One that has passed
    already means no wait. ``read`` tells what a file holds.
    """
    watcher = FinishedWatcher(spool, time.monotonic)
    with copy_progress() as show:
        stem = submit_folder(folder, spool.inbox, name, show, read)
    if read_live_status(spool, time.time()) is None:
        warn_no_daemon("batch")
    if deadline is not None and deadline <= time.monotonic():
        print_result(as_json, {"name": printable(stem)}, f"submitted as {printable(stem)}")
        return
    end = _wait_for_batch(spool, stem, watcher, deadline)
    _print_batch_end(as_json, spool, stem, end)
    raise typer.Exit(_batch_exit_status(end))


def _wait_for_batch(
    spool: Spool, stem: str, watcher: FinishedWatcher, deadline: float | None
) -> Batch | None:
    with progress_bar(TaskProgressColumn(), TimeElapsedColumn()) as progress:
        task = progress.add_task("waiting", total=None)
        while deadline is None or time.monotonic() < deadline:
            for batch in watcher.poll_batches():
                if fold(batch.journal.folder_name) == fold(stem):
                    return batch
            done, total, text = _batch_progress(read_live_status(spool, time.time()), stem)
            progress.update(task, description=text, completed=done, total=total)
            time.sleep(POLL_SECONDS)
    return None


def _batch_progress(status: Status | None, stem: str) -> tuple[int, int | None, str]:
    """Return how many members are done, how many there are (None: not known yet), and the progress
    in words."""
    if status is None:
        return 0, None, NO_DAEMON_MESSAGE.format("batch")
    for batch in status.batches:
        if fold(batch.dropped_as) == fold(printable(stem)):
            return batch.published + batch.failed, batch.members, batch.progress
    waits = [each.reason for each in status.inbox if each.name == printable(stem)]
    return 0, None, f"in the inbox: {waits[0]}" if waits else "in the inbox"


def _batch_exit_status(end: Batch | None) -> ExitStatus:
    if end is None:
        return ExitStatus.UNAVAILABLE
    failed = any(each.outcome != "published" for each in end.journal.ended)
    return ExitStatus.FAILED if failed else ExitStatus.DONE


def _print_batch_end(as_json: bool, spool: Spool, stem: str, end: Batch | None) -> None:
    name = printable(stem)
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
