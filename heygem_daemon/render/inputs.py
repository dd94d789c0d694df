"""Probe the two files of a job, and say what is wrong with them."""

import errno
import os
from fractions import Fraction
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.media.probe import probe_audio
from heygem_daemon.media.proportion import require_sound_proportion, require_video_proportion
from heygem_daemon.media.regular_file import checksum, file_size
from heygem_daemon.media.timeline import TOGETHER, Timeline, align, frame_count
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.video_warnings import video_warnings
from heygem_daemon.protocol import Render
from heygem_daemon.render.disk_space import estimate_bytes, require_disk_space
from heygem_daemon.render.output import encoder_of
from heygem_daemon.render.report import Inputs
from heygem_daemon.system import paths


def require_no_links(render: Render) -> None:
    """Raise SpoolUnavailable if a link took the place of an input, of the workspace, or of a folder
    above: what it leads to is not the job's."""
    try:
        for path in (Path(render.audio), Path(render.video)):
            os.close(paths.open_file(path))
        os.close(paths.open_folder(Path(render.workspace)))
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EOPNOTSUPP, errno.ENXIO}:
            where = Path(os.fsdecode(error.filename or "")).name
            raise SpoolUnavailable(
                f"{where} of the job is not what was claimed: {error.strerror}."
            ) from error
        # A missing or unreadable file is reported where it is read.


def probe_inputs(audio: Path, reader: VideoReader, *, is_own: bool = False) -> Inputs:
    """Probe the sound, and hash it and the video of ``reader``.

    ``is_own``: the sound is the video's own, and keeps its time to the pictures.

    Raises BadInput, TooLarge where the sound or the result would be too large, or EnvironmentFault.
    """
    picture, guard = reader.info, reader.guard
    sound = probe_audio(audio, guard)
    pixels = picture.width * picture.height
    length = Fraction(float(reader.timestamps[-1])) + 1 / picture.fps
    both = (sound.start, sound.duration), (picture.start, length)
    alignment = align(*both, picture.fps) if is_own else TOGETHER
    guard.require_result(frame_count(alignment.delay + sound.duration, picture.fps), pixels)
    require_sound_proportion(audio, float(sound.duration), guard)
    require_video_proportion(
        reader.path, float(reader.timestamps[-1]), reader.frame_count, pixels, guard
    )
    return Inputs(
        audio=sound,
        video=picture,
        audio_sha256=checksum(audio, guard.step),
        video_sha256=checksum(reader.path, guard.step),
        alignment=alignment,
    )


def require_disk_space_for(render: Render, inputs: Inputs) -> None:
    """Raise SpoolUnavailable if the disk has no room for the job, BadInput if it never will."""
    size = file_size(Path(render.video))
    seconds = float(inputs.seconds)
    needed = estimate_bytes(inputs.video, size, seconds, encoder_of(render.options, inputs.video))
    require_disk_space(Path(render.workspace), needed, render.keep_free_bytes)


def input_warnings(inputs: Inputs, reader: VideoReader, timeline: Timeline) -> tuple[str, ...]:
    """Return what is wrong with the two files in the parts that the result uses."""
    shown = reader.timestamps[: int(timeline.source_indices.max()) + 1]
    return (
        *inputs.audio.warnings,
        *video_warnings(inputs.video, shown, reader.damaged_count),
    )
