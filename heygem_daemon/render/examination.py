"""Examine the files of a job before anything is made from them."""

from dataclasses import dataclass, replace
from pathlib import Path

from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.timeline import Timeline, build_timeline, frame_count
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import Render
from heygem_daemon.render.face_video import with_face_video
from heygem_daemon.render.inputs import probe_inputs, require_disk_space_for, require_no_links
from heygem_daemon.render.output import require_encodable, require_possible
from heygem_daemon.render.progress import ProgressReporter
from heygem_daemon.render.report import Inputs
from heygem_daemon.render.unchanged import InputWatch


@dataclass(frozen=True, slots=True)
class ExaminedJob:
    """A job whose files have been examined."""

    render: Render
    """The order, with a video in the place of an image."""
    inputs: Inputs
    reader: VideoReader
    guard: MediaGuard

    def build_timeline(self) -> Timeline:
        """Return which picture each output frame shows."""
        return build_job_timeline(self.render, self.inputs, self.reader)


def examine_job(
    render: Render, reporter: ProgressReporter, watch: InputWatch, scratch: Path
) -> ExaminedJob:
    """Examine a job's files. ``scratch``: folder for what this process writes besides the result.
    Raises as ``render_job``."""
    guard = MediaGuard(render.limits, reporter.step, render.cores)
    with reporter.stage("probe"):
        require_possible(render.options)
        require_no_links(render)
        watch.begin(reporter.step)
        render, image = with_face_video(render, scratch, guard)
        reader = VideoReader(Path(render.video), scratch, guard)
        is_own = render.audio == render.video
        inputs = replace(probe_inputs(Path(render.audio), reader, is_own=is_own), image=image)
        require_encodable(render.options, inputs.video)
        require_disk_space_for(render, inputs)
    return ExaminedJob(render, inputs, reader, guard)


def build_job_timeline(render: Render, inputs: Inputs, reader: VideoReader) -> Timeline:
    """Return which picture of the video each output frame of a job shows."""
    fps = reader.info.fps
    frames, held = frame_count(inputs.seconds, fps), inputs.alignment.held
    return build_timeline(reader.timestamps, fps, frames, render.options.loop, held)


def shown_pictures(timeline: Timeline) -> int:
    """Return how many pictures of the video a job shows, up to the last one of them."""
    return int(timeline.source_indices.max()) + 1
