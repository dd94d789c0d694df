"""``submit``: a pair into the inbox, and if asked the wait for its result."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from heygem_daemon.cli.exits import ExitStatus
from heygem_daemon.cli.living import living
from heygem_daemon.cli.output import JSON_OPTION, print_json
from heygem_daemon.cli.state import progress_of
from heygem_daemon.report.status import JobStatus
from heygem_daemon.settings import Settings
from heygem_daemon.spool import submit as spool_submit
from heygem_daemon.spool.endings import Endings
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.names import fold, printable, split_extension
from heygem_daemon.spool.spool import Spool

POLL_SECONDS = 0.5
NO_DAEMON = "no daemon is running on this spool; the pair waits for one"


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
    audio: Annotated[Path, typer.Argument(help="The sound to be spoken.")],
    video: Annotated[Path, typer.Argument(help="The video of the face.")],
    name: Annotated[str | None, typer.Option(help="The job's name; default: the audio's.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result.")] = False,
    timeout: Annotated[float, typer.Option(help="Longest wait, seconds; 0: for ever.")] = 0.0,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Copy a pair into the inbox so that the daemon never sees half of it.

    With --wait: exit status 0 and the result's path once it is published, 1 and the reason if the
    job failed, 3 if the time is over.
    """
    spool = Spool(settings.spool)
    if not spool.inbox.is_dir():
        spool.prepare()
    endings = Endings(spool, time.monotonic)
    stem = _copy(spool, audio, video, name)
    if not wait:
        if living(spool, time.time()) is None:
            _warn()
        _say(as_json, {"name": printable(stem)}, f"submitted as {printable(stem)}")
        return
    end = _wait_for(spool, stem, endings, time.monotonic() + timeout if timeout else None)
    _say_end(as_json, spool, stem, end)
    raise typer.Exit(end.status)


def _copy(spool: Spool, audio: Path, video: Path, name: str | None) -> str:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with _bar(*columns) as bar:
        task = bar.add_task("copying")

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        return spool_submit.submit(audio, video, spool.inbox, name, show)


def _wait_for(spool: Spool, stem: str, endings: Endings, deadline: float | None) -> End:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with _bar(*columns, TimeElapsedColumn()) as bar:
        task = bar.add_task("waiting", total=None)
        if bar.disable and living(spool, time.time()) is None:
            _warn()
        while deadline is None or time.monotonic() < deadline:
            for journal in endings.new():
                if _is(stem, journal):
                    return End(journal)
            _show(bar, task, spool, stem)
            time.sleep(POLL_SECONDS)
    return End(None)


def _bar(*columns: ProgressColumn) -> Progress:
    """On stderr, and only where somebody looks."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _show(bar: Progress, task: TaskID, spool: Spool, stem: str) -> None:
    status = living(spool, time.time())
    if status is None:
        bar.update(task, description=NO_DAEMON)
        return
    job = _first(status.jobs, lambda job: job.name == printable(stem))
    if job is None:
        waits = [each.reason for each in status.inbox if split_extension(each.name)[0] == stem]
        bar.update(task, description=f"in the inbox: {waits[0]}" if waits else "in the inbox")
    elif job.total_frames:
        bar.update(task, description=progress_of(job), completed=job.frames, total=job.total_frames)
    else:
        bar.update(task, description=progress_of(job) or job.state)


def _first(jobs: tuple[JobStatus, ...], wanted: Callable[[JobStatus], bool]) -> JobStatus | None:
    return next((job for job in jobs if wanted(job)), None)


def _is(stem: str, journal: Journal) -> bool:
    return fold(split_extension(journal.audio_name)[0]) == fold(stem)


def _warn() -> None:
    typer.echo(f"heygem-daemon: {NO_DAEMON}", err=True)


def _say_end(as_json: bool, spool: Spool, stem: str, end: End) -> None:
    name, journal = printable(stem), end.journal
    if journal is None:
        _say(as_json, {"name": name, "outcome": None}, f"{name}: no result yet")
    elif journal.outcome == "published":
        video = str(spool.outbox / f"{journal.name}.mp4")
        _say(as_json, {"name": name, "outcome": "published", "video": video}, video)
    else:
        reason = {"reason": journal.reason, "remedy": journal.remedy}
        text = f"{name} failed: {journal.reason} {journal.remedy}".strip()
        _say(as_json, {"name": name, "outcome": "failed", **reason}, text)


def _say(as_json: bool, value: dict[str, object], text: str) -> None:
    if as_json:
        print_json(value)
    else:
        typer.echo(text)
