"""A job from its two files to a result: probe, listen, track, draw, join, review."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heygem_daemon import __version__
from heygem_daemon.device.batching import Batching, fitting
from heygem_daemon.device.memory import memory_of
from heygem_daemon.engines.base import Engine, PerformanceSummary, Template
from heygem_daemon.errors import BadInput, Interrupted
from heygem_daemon.media.audio_track import encode_ahead
from heygem_daemon.media.mux import join
from heygem_daemon.media.probe import probe_audio, probe_video
from heygem_daemon.media.timeline import Timeline, frame_count, timeline_for
from heygem_daemon.media.verify import Verification
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import waveform
from heygem_daemon.protocol import Render, Rendered
from heygem_daemon.render import chunks
from heygem_daemon.render.appraisal import Appraisal, Appraiser, located
from heygem_daemon.render.chunk_retry import Pieces
from heygem_daemon.render.disk_space import bytes_needed, require_room
from heygem_daemon.render.draw import OnSource, Scene
from heygem_daemon.render.overlap import alongside
from heygem_daemon.render.progress import OnProgress, Reporter
from heygem_daemon.render.report import Inputs, Tally, report_of, write_json
from heygem_daemon.render.speech_cache import Hearing
from heygem_daemon.render.template import prepare, sha256_of
from heygem_daemon.speech.activity import Curve
from heygem_daemon.system.units import GIB

ShouldStop = Callable[[], bool]


def render_job(
    engine: Engine[Any],
    render: Render,
    cache: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
    hearing: Hearing | None = None,
) -> Rendered:
    """Render one job into its workspace; the result is verified but not yet published.

    ``cache`` keeps templates between jobs, ``hearing`` the last sounds. ``should_stop`` is asked
    between the pictures of the tracking and between chunks. Raises BadInput for the user's files,
    EnvironmentFault for what may be better later, Interrupted when asked to stop (finished chunks
    stay on disk).
    """
    memory_of(engine.device.torch_device).forget_peak()  # the report's is of this job alone
    reporter = Reporter(render.job_id, on_progress)
    with reporter.stage("probe"):
        inputs = examine(Path(render.audio), Path(render.video))
        require_room_for(render, inputs)
    with reporter.stage("listen"):
        sound = reporter.heard(waveform(Path(render.audio)))
        heard = (hearing or Hearing()).listen(engine, inputs.audio_sha256, sound)
    with VideoReader(Path(render.video), Path(render.workspace)) as reader:
        job = _Job(engine, render, cache, reporter, should_stop, inputs, reader)
        return job.run(heard.speech, heard.level)


def examine(audio: Path, video: Path) -> Inputs:
    """What the two files are; raises BadInput with a reason for a person."""
    return Inputs(
        audio=probe_audio(audio),
        video=probe_video(video),
        audio_sha256=sha256_of(audio),
        video_sha256=sha256_of(video),
    )


def require_room_for(render: Render, inputs: Inputs) -> None:
    """Raise SpoolUnavailable where the disk has no room for the job now, BadInput where never."""
    size = Path(render.video).stat().st_size
    seconds = float(inputs.audio.duration)
    needed = bytes_needed(inputs.video, size, seconds, render.options.crf)
    require_room(Path(render.workspace), needed, render.keep_free_bytes)


@dataclass(frozen=True, slots=True)
class _Job:
    engine: Engine[Any]
    render: Render
    cache: Path
    reporter: Reporter
    should_stop: ShouldStop
    inputs: Inputs
    reader: VideoReader

    def run(self, speech: object, level: Curve) -> Rendered:
        timeline = self.timeline()
        with self.reporter.stage("track"):
            template = self.template(timeline)
            performance = self.engine.perform(template, speech, timeline)
            require_coverage(performance.summary, self.render.options.min_coverage)
        scene = Scene(self.reader, timeline, self.engine, performance, self.render.options)
        strip = self.result.with_name("strip.png") if self.render.options.strip else None
        appraiser = Appraiser(scene, template, level, strip)
        tally = Tally()
        with self.reporter.stage("render"):
            segments = self.draw(scene, tally, appraiser.see_source)
        with self.reporter.stage("join"):
            sound = self.join(scene, segments)
        with self.reporter.stage("review"):
            appraisal = self.review(scene, appraiser)
        tally.seconds, tally.cpu_seconds = self.reporter.seconds, self.reporter.cpu_seconds
        return self.describe(scene, tally, appraisal, sound)

    def timeline(self) -> Timeline:
        fps = self.reader.info.fps
        frames = frame_count(self.inputs.audio.duration, fps)
        return timeline_for(self.reader.timestamps, fps, frames, self.render.options.loop)

    def template(self, timeline: Timeline) -> Template:
        def on_pictures(done: int, total: int) -> None:
            if self.should_stop():
                raise Interrupted("stopped while the face was being tracked")
            self.reporter.tracked(done, total)

        needed = int(timeline.sources.max()) + 1
        content = self.inputs.video_sha256
        face = self.render.options.face
        tracker = self.engine.tracker
        return prepare(self.reader, content, needed, tracker, self.cache, on_pictures, face)

    def draw(self, scene: Scene, tally: Tally, on_source: OnSource) -> list[Path]:
        """Draw every chunk whose segment is not there yet; the segments in order."""
        workspace = Path(self.render.workspace)
        plan = chunks.split(
            len(scene.timeline), scene.timeline.fps, self.render.options.chunk_seconds
        )
        chunks.resume(workspace, self.fingerprint())
        reporter = self.reporter.chunks(len(plan), len(scene.timeline))
        batching = self.batching(tally)
        pieces = Pieces(scene, batching, workspace, reporter, tally, self.should_stop, on_source)

        def failed(error: Exception) -> None:
            tally.tell(f"The sound was not encoded while pictures were drawn: {located(error)}.")

        with alongside(self.encode_sound, failed):
            return [segment for chunk in plan for segment in pieces.draw(chunk)]

    def encode_sound(self, is_wanted: Callable[[], bool]) -> None:
        """Encode the sound, unless an earlier attempt has. What is not done when all pictures are
        drawn is left to the joining, which tells how far it is."""
        target = chunks.sound_of(Path(self.render.workspace))
        if not target.exists():
            encode_ahead(Path(self.render.audio), target, is_wanted)

    def batching(self, tally: Tally) -> Batching:
        """As many frames at once as the engine likes and as now fit on its device."""
        engine = self.engine
        memory = memory_of(engine.device.torch_device, self.render.keep_free_vram_bytes)
        free = memory.free()
        size = fitting(engine.batch, engine.bytes_per_frame, free)
        if size < engine.batch:
            tally.tell(
                f"Only {free / GIB:.1f} GiB of memory were free on the device: drawing began "
                f"with {size} frames at once rather than {engine.batch}."
            )
        engine.begin(size)
        return Batching(engine.batch, size, memory.relieve, tally.tell)

    @property
    def result(self) -> Path:
        return Path(self.render.workspace) / "result.mp4"

    def join(self, scene: Scene, segments: list[Path]) -> str:
        """Join the result; what became of the sound."""
        timeline = scene.timeline
        return join(
            segments,
            Path(self.render.audio),
            self.result,
            timeline.fps,
            len(timeline),
            self.inputs.audio.duration,
            on_pictures=lambda done: self.reporter.joined(done, len(timeline)),
            ahead=chunks.sound_of(Path(self.render.workspace)),
        )

    def review(self, scene: Scene, appraiser: Appraiser) -> Appraisal:
        """Decode the result once: all of it is checked, parts of it are looked at closely."""
        timeline = scene.timeline
        verification = Verification(
            self.result,
            len(timeline),
            timeline.fps,
            self.inputs.audio.duration,
            on_pictures=lambda done: self.reporter.reviewed(done, len(timeline)),
        )
        appraisal = appraiser.judge(verification)
        verification.finish()
        return appraisal

    def describe(self, scene: Scene, tally: Tally, appraisal: Appraisal, sound: str) -> Rendered:
        """Write the report."""
        report = self.result.with_name("report.json")
        write_json(
            report,
            report_of(
                self.engine,
                self.inputs,
                scene,
                tally,
                appraisal,
                {"audio": sound, "damaged_pictures": self.reader.damaged},
            ),
        )
        return Rendered(
            job_id=self.render.job_id,
            result=str(self.result),
            report=str(report),
            strip=str(appraisal.strip) if appraisal.strip else None,
        )

    def fingerprint(self) -> dict[str, object]:
        """What must be the same for a finished segment to be used again."""
        return {
            "version": __version__,
            "engine": self.engine.name,
            "weights": self.engine.weights_sha256,
            "precision": self.engine.precision,
            "audio": self.inputs.audio_sha256,
            "video": self.inputs.video_sha256,
            "options": self.render.options.model_dump(exclude={"strip", "min_coverage"}),
        }


def require_coverage(summary: PerformanceSummary, least: float) -> None:
    """Raise BadInput where fewer than ``least`` (0-1) of the frames can be drawn, or none."""
    if summary.coverage > 0 and summary.coverage >= least:
        return
    reasons = "; ".join(
        f"{reason}: {share:.0%}" for reason, share in summary.passed_through.items()
    )
    raise BadInput(
        f"The video shows a usable face in only {summary.coverage:.0%} of the frames ({reasons}).",
        "Use a video in which one real person faces the camera, upright and not covered.",
    )
