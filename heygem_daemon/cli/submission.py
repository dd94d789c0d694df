"""``submit``: a pair or a folder into the inbox, and if asked the wait for its result."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID, TaskProgressColumn, TimeElapsedColumn

from heygem_daemon.cli.batch_submission import submit_batch
from heygem_daemon.cli.exits import ExitStatus
from heygem_daemon.cli.living import living
from heygem_daemon.cli.output import JSON_OPTION
from heygem_daemon.cli.state import progress_of
from heygem_daemon.cli.waiting import NO_DAEMON, POLL_SECONDS, bar, copying, say, warn
from heygem_daemon.report.status import JobStatus
from heygem_daemon.settings import Settings
from heygem_daemon.spool import submit as spool_submit
from heygem_daemon.spool.endings import Endings
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.names import fold, printable, split_extension
from heygem_daemon.spool.spool import Spool


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
