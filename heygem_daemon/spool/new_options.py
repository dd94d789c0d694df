"""The new options of a job that is rendered again: a file that becomes its sidecar."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from heygem_daemon.config.job_options import OWN_SOUND, JobOptions
from heygem_daemon.errors import BadInput
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.names import printable


@dataclass(frozen=True, slots=True)
class NewOptions:
    """A file that becomes the sidecar of a job, or that of a batch for all."""

    path: Path

    options: JobOptions = field(default_factory=JobOptions)
    """What it holds."""

    adds_own_sound: bool = False
    """Whether the sidecar is written anew from the options, since it has to say that the video
    speaks with its own sound: without that the video would wait for a sound file."""

    def of(self, journals: Collection[Journal]) -> "NewOptions":
        """Return the options for these jobs. Raises BadInput if they ask for another sound where
        all videos speak with their own."""
        videos = [each.video_name for each in journals if has_own_sound(each)]
        if self.options.audio == OWN_SOUND or len(videos) < len(journals):
            return self
        if (problem := other_sound(self.options, videos[0])) is not None:
            raise problem
        return replace(self, options=with_own_sound(self.options), adds_own_sound=True)

    def place(self, files: FileOperations, target: Path) -> None:
        """Make them the sidecar ``target``. A file in whose place it is written stays for
        ``discard``."""
        if self.adds_own_sound:
            files.write(target, self.options.sidecar_text.encode())
        else:
            files.move(self.path, target)
        files.keep_private(target)

    def discard(self, files: FileOperations) -> None:
        """Delete the file in whose place a sidecar was written."""
        if self.adds_own_sound:
            files.remove_file(self.path)

    def give_back(self, files: FileOperations, target: Path) -> None:
        """Undo ``place``."""
        if self.adds_own_sound:
            files.remove_file(target)
        else:
            files.move(target, self.path)


def has_own_sound(journal: Journal) -> bool:
    """Return whether a job's video speaks with its own sound."""
    return journal.audio_name == journal.video_name


def with_own_sound(options: JobOptions) -> JobOptions:
    """Return the options with the one that lets a video speak with its own sound."""
    return options.overridden_by(JobOptions(audio="own"))


def other_sound(options: JobOptions, video_name: str) -> BadInput | None:
    """Return what is wrong with the options of a video that speaks with its own sound; None:
    nothing."""
    if options.audio is None or options.audio == OWN_SOUND:
        return None
    video = printable(video_name)
    return BadInput(
        f'The options say audio = "{options.audio}", but {video} speaks with its own sound.',
        'Write audio = "own", or remove that line.',
    )
