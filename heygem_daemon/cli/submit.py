"""``submit``: a pair or a folder into the inbox, and if asked the wait for its result.

``submit`` of a folder: a batch into the inbox, and if asked the wait for its end.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID, TaskProgressColumn, TimeElapsedColumn

from heygem_daemon.cli.output import (
    JSON_OPTION,
    NO_DAEMON,
    POLL_SECONDS,
    ExitStatus,
    bar,
    copying,
    say,
    warn,
)
from heygem_daemon.cli.status import living, progress_of
from heygem_daemon.config.settings import Settings
from heygem_daemon.report.status import JobStatus, Status
from heygem_daemon.spool import submit as spool_submit
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.finished import Endings
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.names import fold, printable, split_extension
from heygem_daemon.spool.spool import Spool
from heygem_daemon.spool.submit import submit_folder


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended; ``journal`` None: it has not, within the time."""

    journal: Journal | None

    @property
    def status(self) -> ExitStatus:
        if self.journal is None:
            return ExitStatus.UNAVAILABLE
        published = self.journal.outcome == "published"
        return ExitStatus.DONE if published else ExitStatus.FAILED


def submit(
    settings: Settings,
    audio: Annotated[Path, typer.Argument(help="The sound to be spoken, or a folder: a batch.")],
    video: Annotated[
        Path | None, typer.Argument(help="The video of the face; none with a folder.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The job's name; default: the audio's, or the folder's.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result.")] = False,
    timeout: Annotated[float, typer.Option(help="Longest wait, seconds; 0: for ever.")] = 0.0,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Copy a pair, or a folder as a batch, into the inbox so that no half of it is ever seen.

    With --wait: exit status 0 and the result's path (a batch's ZIP) once it is published, 1 and
    the reason if the job or a member failed, 3 if the time is over.
    """
    spool = Spool(settings.spool)
    if not spool.inbox.is_dir():
        spool.prepare()
    deadline = time.monotonic() + timeout if timeout else None
    if video is None:
        submit_batch(spool, audio, name, deadline if wait else 0.0, as_json)
        return
    endings = Endings(spool, time.monotonic)
    with copying() as show:
        stem = spool_submit.submit(audio, video, spool.inbox, name, show)
    if not wait:
        if living(spool, time.time()) is None:
            warn("pair")
        say(as_json, {"name": printable(stem)}, f"submitted as {printable(stem)}")
        return
    end = _wait_for(spool, stem, endings, deadline)
    _say_end(as_json, spool, stem, end)
    raise typer.Exit(end.status)


def _wait_for(spool: Spool, stem: str, endings: Endings, deadline: float | None) -> End:
    with bar(TaskProgressColumn(), TimeElapsedColumn()) as progress:
        task = progress.add_task("waiting", total=None)
        if progress.disable and living(spool, time.time()) is None:
            warn("pair")
        while deadline is None or time.monotonic() < deadline:
            for journal in endings.new():
                if _is(stem, journal):
                    return End(journal)
            _show(progress, task, spool, stem)
            time.sleep(POLL_SECONDS)
    return End(None)


def _show(progress: Progress, task: TaskID, spool: Spool, stem: str) -> None:
    status = living(spool, time.time())
    if status is None:
        progress.update(task, description=NO_DAEMON.format("pair"))
        return
    job = _first(status.jobs, lambda job: job.name == printable(stem))
    if job is None:
        waits = [each.reason for each in status.inbox if split_extension(each.name)[0] == stem]
        progress.update(task, description=f"in the inbox: {waits[0]}" if waits else "in the inbox")
    elif job.total_frames:
        progress.update(
            task, description=progress_of(job), completed=job.frames, total=job.total_frames
        )
    else:
        progress.update(task, description=progress_of(job) or job.state)


def _first(jobs: tuple[JobStatus, ...], wanted: Callable[[JobStatus], bool]) -> JobStatus | None:
    return next((job for job in jobs if wanted(job)), None)


def _is(stem: str, journal: Journal) -> bool:
    return fold(split_extension(journal.audio_name)[0]) == fold(stem)


def _say_end(as_json: bool, spool: Spool, stem: str, end: End) -> None:
    name, journal = printable(stem), end.journal
    if journal is None:
        say(as_json, {"name": name, "outcome": None}, f"{name}: no result yet")
    elif journal.outcome == "published":
        video = str(spool.outbox / f"{journal.name}.mp4")
        say(as_json, {"name": name, "outcome": "published", "video": video}, video)
    else:
        reason = {"reason": journal.reason, "remedy": journal.remedy}
        text = f"{name} failed: {journal.reason} {journal.remedy}".strip()
        say(as_json, {"name": name, "outcome": "failed", **reason}, text)


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
    end = _wait_for_batch(spool, stem, endings, deadline)
    _say_batch_end(as_json, spool, stem, end)
    raise typer.Exit(_batch_status(end))


def _wait_for_batch(
    spool: Spool, stem: str, endings: Endings, deadline: float | None
) -> Batch | None:
    with bar(TaskProgressColumn(), TimeElapsedColumn()) as progress:
        task = progress.add_task("waiting", total=None)
        while deadline is None or time.monotonic() < deadline:
            for batch in endings.new_batches():
                if fold(batch.journal.folder_name) == fold(stem):
                    return batch
            done, total, text = _batch_progress(living(spool, time.time()), stem)
            progress.update(task, description=text, completed=done, total=total)
            time.sleep(POLL_SECONDS)
    return None


def _batch_progress(status: Status | None, stem: str) -> tuple[int, int | None, str]:
    """Members done, all of them where that is known, and where the batch is, in words."""
    if status is None:
        return 0, None, NO_DAEMON.format("batch")
    for batch in status.batches:
        if fold(batch.dropped_as) == fold(printable(stem)):
            return batch.published + batch.failed, batch.members, batch.progress
    waits = [each.reason for each in status.inbox if each.name == printable(stem)]
    return 0, None, f"in the inbox: {waits[0]}" if waits else "in the inbox"


def _batch_status(end: Batch | None) -> ExitStatus:
    if end is None:
        return ExitStatus.UNAVAILABLE
    failed = any(each.outcome != "published" for each in end.journal.ended)
    return ExitStatus.FAILED if failed else ExitStatus.DONE


def _say_batch_end(as_json: bool, spool: Spool, stem: str, end: Batch | None) -> None:
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
