"""``submit``: copies a pair or a folder into the inbox, and waits for the result if requested."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID, TaskProgressColumn, TimeElapsedColumn

from heygem_daemon.cli.jobs import existing_spool, may_look_into
from heygem_daemon.cli.liveness import FoundDaemon, find_daemon
from heygem_daemon.cli.output import (
    JSON_OPTION,
    POLL_SECONDS,
    ExitStatus,
    copy_progress,
    own_language,
    print_result,
    progress_bar,
)
from heygem_daemon.cli.status_tables import progress_text
from heygem_daemon.config.folders import PriorityCaps
from heygem_daemon.config.job_options import OWN_SOUND, JobOptions, find_idle_quality
from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.config.output_options import OutputOptions, find_contradiction
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import BadInput, ConfigurationError, SpoolUnavailable
from heygem_daemon.report.liveness import describe_wait
from heygem_daemon.service.content_reader import read_content
from heygem_daemon.spool import submit as spool_submit
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.finished import FinishedWatcher
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.names import fold, printable, split_extension
from heygem_daemon.spool.publish import published_video
from heygem_daemon.spool.spool import Spool
from heygem_daemon.spool.submit import ReadContent
from heygem_daemon.spool.submit_batch import submit_folder


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


SETTINGS = (
    "spool", "confine", "max_minutes", "max_megapixels", "max_pictures", "max_gigapixels",
)  # fmt: skip
"""The settings that have an effect here: the spool, and how files are examined."""


def submit(  # noqa: PLR0913, PLR0917 - each is an option of the command
    settings: Settings,
    options: JobOptions,
    # Not "audio", which is an option of a job.
    sound: Annotated[
        Path, typer.Argument(metavar="AUDIO", help="The audio to be spoken, or a folder: a batch.")
    ],
    video: Annotated[
        Path | None, typer.Argument(help="The video of the face; none with a folder.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The job's name; default: the audio's, or the folder's.")
    ] = None,
    folder: Annotated[
        str, typer.Option(help="The hot folder to drop it in; default: the plain inbox.")
    ] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result.")] = False,
    timeout: Annotated[float, typer.Option(help="Longest wait in seconds; 0: no limit.")] = 0.0,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Copy a pair, or a folder as a batch, into the inbox. It appears there complete or not at all.

    With --audio own, a video alone is submitted: VIDEO in the place of AUDIO. Options of the job
    are written into its sidecar; one that would have no effect is refused with the reason.

    With --wait: exit status 0 and the result's path (a batch's ZIP) once it is published, 1 and
    the reason if the job or a member failed, 3 after the timeout.
    """
    if timeout and not wait:
        raise ConfigurationError("--timeout has no effect without --wait")
    require_effect(options, settings, folder)
    spool = _inbox_to_fill(settings, folder, wait=wait)
    deadline = time.monotonic() + timeout if timeout else None
    read = _content_reader(settings)
    if video is None and not _is_video_alone(sound, options):
        batch = Submission(spool, name, options, settings.output, read)
        submit_batch(batch, sound, deadline if wait else 0.0, as_json)
        return
    audio, face = (sound, video) if video else (None, sound)
    if audio and options.audio == OWN_SOUND:
        raise BadInput(
            "--audio own has no effect with an audio file: it makes a video alone speak with its"
            " own sound.",
            "Give the video alone, or leave --audio own out.",
        )
    watcher = FinishedWatcher(spool, time.monotonic) if wait else None
    with copy_progress() as show:
        stem = spool_submit.submit_pair(
            audio, face, spool.inbox, name, show, read, options.sidecar_text
        )
    if watcher is None:
        _warn_if_idle(spool, "pair")
        print_submitted(as_json, spool, stem)
        return
    end = _wait_for_job(spool, stem, watcher, deadline)
    _print_job_end(as_json, spool, stem, end)
    raise typer.Exit(end.exit_status)


def require_effect(options: JobOptions, settings: Settings, folder: str = "") -> None:
    """Raise BadInput where one of a job's options would have no effect in a hot folder; empty: in
    the plain inbox."""
    caps = PriorityCaps.of(settings.max_priority, settings.folders)
    max_priority = caps.clamp(options.priority, folder)
    if options.priority > max_priority:
        raise BadInput(
            f"priority = {options.priority} has no effect: this daemon gives a job at most"
            f" {max_priority} (max_priority)."
            if folder not in settings.folders
            else f"priority = {options.priority} has no effect: a job in the folder {folder} gets"
            f" at most {max_priority} (max_priority).",
            f"Give at most {max_priority}.",
        )
    problem = find_idle_quality(options) or find_contradiction(
        options.output(settings.output), options.given
    )
    if problem is not None:
        raise BadInput(problem)


def _is_video_alone(path: Path, options: JobOptions) -> bool:
    return options.audio == OWN_SOUND and not path.is_dir()


def _inbox_to_fill(settings: Settings, folder: str, *, wait: bool) -> SpoolLayout:
    """Return the layout of a hot folder; empty: the plain one. Whoever may only write into its
    inbox may submit, but not wait. Raises SpoolUnavailable, BadInput."""
    if folder and folder not in settings.folders:
        known = ", ".join(settings.folders)
        raise BadInput(
            f"There is no hot folder {printable(folder)} in the configuration.",
            f"Give one of: {known}." if known else "Leave --folder out: there is none at all.",
        )
    spool = Spool(settings.spool)
    if wait or may_look_into(spool):
        spool = existing_spool(settings)
    elif not spool.inbox.is_dir():
        raise SpoolUnavailable(f"there is no spool in {settings.spool}, or it is not mounted")
    layout = spool.in_folder(folder)
    if not layout.inbox.is_dir():
        raise SpoolUnavailable(
            f"{printable(str(layout.inbox))} is not there: the daemon makes it when it starts, and"
            " when it reads its configuration again"
        )
    return layout


def _warn_if_idle(spool: SpoolLayout, what: str) -> None:
    """Warn that ``what`` waits where no daemon works, as far as this user may see that."""
    if not may_look_into(Spool(spool.root)):
        return
    condition = find_daemon(Spool(spool.root), time.time()).liveness.condition
    if condition != "works":
        typer.echo(f"heygem-daemon: {own_language()(describe_wait(condition, what))}", err=True)


def print_submitted(as_json: bool, spool: SpoolLayout, stem: str) -> None:
    """Print the name in the inbox of what was submitted, and into which spool."""
    name, root = _title(spool, stem), printable(str(spool.root))
    print_result(as_json, {"name": name, "spool": root}, f"submitted as {name} to the spool {root}")


def _title(spool: SpoolLayout, stem: str) -> str:
    """Return the name that the status gives to what has this stem in the inbox."""
    return printable(f"{spool.folder}/{stem}" if spool.folder else stem)


def _content_reader(settings: Settings) -> ReadContent:
    """Return a function that tells what a file holds, read as the daemon's probe reads it."""

    def read(path: Path) -> MediaContent:
        return read_content(path, settings.media_limits, confine=settings.confine == "auto")

    return read


def _wait_for_job(
    spool: SpoolLayout, stem: str, watcher: FinishedWatcher, deadline: float | None
) -> SubmittedJobEnd:
    with progress_bar(TaskProgressColumn(), TimeElapsedColumn()) as progress:
        task = progress.add_task("waiting", total=None)
        if progress.disable:
            _warn_if_idle(spool, "pair")
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
    title = _title(spool, stem)
    job = next((job for job in status.jobs if job.name == title), None)
    if job is None:
        waits = [each.reason for each in status.inbox if split_extension(each.name)[0] == title]
        progress.update(task, description=own_language()(_in_inbox(waits)))
    elif job.total_frames:
        progress.update(
            task,
            description=own_language()(progress_text(job)),
            completed=job.frames,
            total=job.total_frames,
        )
    else:
        progress.update(task, description=own_language()(progress_text(job) or job.state))


def _is_journal_of(stem: str, journal: Journal) -> bool:
    return fold(split_extension(journal.audio_name)[0]) == fold(stem)


def _print_job_end(as_json: bool, spool: SpoolLayout, stem: str, end: SubmittedJobEnd) -> None:
    name, journal = _title(spool, stem), end.journal
    if journal is None:
        print_result(as_json, {"name": name, "outcome": None}, f"{name}: no result yet")
    elif journal.outcome == "published":
        video = str(spool.outbox / published_video(journal))
        print_result(as_json, {"name": name, "outcome": "published", "video": video}, video)
    else:
        reason = {"reason": journal.reason, "remedy": journal.remedy}
        text = f"{name} failed: {journal.reason} {journal.remedy}".strip()
        print_result(as_json, {"name": name, "outcome": "failed", **reason}, text)


@dataclass(frozen=True, slots=True)
class Submission:
    """Where a folder is submitted to, and how."""

    spool: SpoolLayout

    name: str | None
    """The desired name; None: the folder's."""

    options: JobOptions
    """The options for all members."""

    default: OutputOptions
    """What the settings say of results."""

    read: ReadContent
    """Tells what a file holds."""


def submit_batch(batch: Submission, folder: Path, deadline: float | None, as_json: bool) -> None:
    """Copy ``folder`` into the inbox, and wait until its batch ends. Raises BadInput.

    ``deadline`` is the monotonic time at which the wait ends; None: no limit; 0: no wait.
    """
    spool = batch.spool
    watcher = FinishedWatcher(spool, time.monotonic) if deadline != 0 else None
    with copy_progress() as show:
        stem = submit_folder(
            folder, spool.inbox, batch.name, show, batch.read, batch.options, batch.default
        )
    _warn_if_idle(spool, "batch")
    if watcher is None:
        print_submitted(as_json, spool, stem)
        return
    end = _wait_for_batch(spool, stem, watcher, deadline)
    _print_batch_end(as_json, spool, stem, end)
    raise typer.Exit(_batch_exit_status(end))


def _wait_for_batch(
    spool: SpoolLayout, stem: str, watcher: FinishedWatcher, deadline: float | None
) -> Batch | None:
    with progress_bar(TaskProgressColumn(), TimeElapsedColumn()) as progress:
        task = progress.add_task("waiting", total=None)
        while deadline is None or time.monotonic() < deadline:
            for batch in watcher.poll_batches():
                is_here = batch.journal.folder == spool.folder
                if is_here and fold(batch.journal.folder_name) == fold(stem):
                    return batch
            daemon = find_daemon(Spool(spool.root), time.time())
            done, total, text = _batch_progress(daemon, _title(spool, stem))
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
            return batch.published + batch.failed, batch.members, batch.progress
    waits = [each.reason for each in status.inbox if each.name == title]
    return 0, None, own_language()(_in_inbox(waits))


def _in_inbox(waits: list[str]) -> str:
    return f"in the inbox: {waits[0]}" if waits else "in the inbox"


def _batch_exit_status(end: Batch | None) -> ExitStatus:
    if end is None:
        return ExitStatus.UNAVAILABLE
    failed = any(each.outcome != "published" for each in end.journal.ended)
    return ExitStatus.FAILED if failed else ExitStatus.DONE


def _print_batch_end(as_json: bool, spool: SpoolLayout, stem: str, end: Batch | None) -> None:
    name = _title(spool, stem)
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
