"""``submit``: copies a pair or a folder into the inbox, and waits for the result if requested."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from heygem_daemon.cli.jobs import describe_absence, existing_spool, may_look_into
from heygem_daemon.cli.output import (
    JSON_OPTION,
    copy_progress,
    print_result,
)
from heygem_daemon.cli.submit_wait import (
    batch_exit_status,
    print_batch_end,
    print_job_end,
    title_of,
    wait_for_batch,
    wait_for_job,
    warn_if_idle,
)
from heygem_daemon.config.folders import PriorityCaps
from heygem_daemon.config.job_options import OWN_SOUND, JobOptions, find_idle_quality
from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.config.output_options import OutputOptions, find_contradiction
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import BadInput, ConfigurationError, SpoolUnavailable
from heygem_daemon.service.content_reader import read_content
from heygem_daemon.spool import submit as spool_submit
from heygem_daemon.spool.finished import FinishedWatcher
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.spool import Spool
from heygem_daemon.spool.submit import ReadContent
from heygem_daemon.spool.submit_batch import submit_folder

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
        warn_if_idle(spool, "pair")
        print_submitted(as_json, spool, stem)
        return
    end = wait_for_job(spool, stem, watcher, deadline)
    print_job_end(as_json, spool, stem, end)
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
        raise SpoolUnavailable(describe_absence(settings.spool))
    layout = spool.in_folder(folder)
    if not layout.inbox.is_dir():
        raise SpoolUnavailable(
            f"{printable(str(layout.inbox))} is not there: the daemon makes it when it starts, and"
            " when it reads its configuration again"
        )
    return layout


def print_submitted(as_json: bool, spool: SpoolLayout, stem: str) -> None:
    """Print the name in the inbox of what was submitted, and into which spool."""
    name, root = title_of(spool, stem), printable(str(spool.root))
    print_result(as_json, {"name": name, "spool": root}, f"submitted as {name} to the spool {root}")


def _content_reader(settings: Settings) -> ReadContent:
    """Return a function that tells what a file holds, read as the daemon's probe reads it."""

    def read(path: Path) -> MediaContent:
        return read_content(path, settings.media_limits, confine=settings.confine == "auto")

    return read


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
    warn_if_idle(spool, "batch")
    if watcher is None:
        print_submitted(as_json, spool, stem)
        return
    end = wait_for_batch(spool, stem, watcher, deadline)
    print_batch_end(as_json, spool, stem, end)
    raise typer.Exit(batch_exit_status(end))
