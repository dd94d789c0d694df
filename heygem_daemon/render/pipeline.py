"""Render a job from its two files to a result: probe, listen, track, draw, join, review."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from heygem_daemon.device.memory import device_memory
from heygem_daemon.engines.base import Engine, PerformanceSummary, Template
from heygem_daemon.media.audio_track import TrackOptions, encode_ahead
from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.mux import mux_segments
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.verify import ResultVerifier
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.protocol import Render, Rendered
from heygem_daemon.render import chunks
from heygem_daemon.render.appraisal import Appraisal, Appraiser, describe_error
from heygem_daemon.render.chunk_retry import ShouldStop
from heygem_daemon.render.coverage import is_covered, refuse_coverage, refuse_damage
from heygem_daemon.render.draw import OnSource, RenderContext
from heygem_daemon.render.drawing import JobDrawing
from heygem_daemon.render.examination import (
    ExaminedJob,
    build_job_timeline,
    examine_job,
    shown_pictures,
)
from heygem_daemon.render.inputs import (
    input_warnings,
)
from heygem_daemon.render.marks import label_for, mark_result, mark_strip, tags_for
from heygem_daemon.render.output import (
    describe_loudness,
    describe_pictures,
    encoder_of,
    loss_warnings,
    plan_track,
    require_encodable,
)
from heygem_daemon.render.overlap import run_in_background
from heygem_daemon.render.progress import OnProgress, ProgressReporter, ReviewReporter
from heygem_daemon.render.report import Inputs, Json, RenderStats, build_report, write_json
from heygem_daemon.render.shared_tracking import clear_tracking, share_tracking
from heygem_daemon.render.speech_cache import CachedSpeech, SpeechCache
from heygem_daemon.render.template import staged_template, template_folder, template_key
from heygem_daemon.render.unchanged import InputWatch, require_hashes, require_unchanged
from heygem_daemon.render.upright import turn_to_face
from heygem_daemon.speech.activity import Curve

PICTURES_TO_CHECK = 1500
"""Pictures of a video without a usable face that are decoded again to find damage."""


def render_job(
    engine: Engine[Any],
    render: Render,
    cache: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
    speech_cache: SpeechCache | None = None,
) -> Rendered:
    """Render one job into its workspace; the result is verified but not yet published.

    ``cache``: folder that keeps templates between jobs. ``speech_cache``: keeps the features of the
    last sounds. ``should_stop`` is called for everything that is read from the files.

    Raises BadInput for faults of the user's files, also where they change meanwhile,
    EnvironmentFault for faults that may pass, and Interrupted when ``should_stop`` returns True;
    finished chunks stay on disk.
    """
    # The report gives the peak of this job only.
    device_memory(engine.device.torch_device).reset_peak()
    reporter = ProgressReporter(render.job_id, on_progress, should_stop)
    with require_unchanged([Path(render.audio), Path(render.video)]) as watch:
        examined = examine_job(render, reporter, watch, Path(render.workspace))
        prepared = prepare_job(
            engine, examined, cache, reporter, should_stop, speech_cache or SpeechCache(), watch
        )
        with prepared as (job, sound):
            rendered = job.run(sound)
        if not watch.is_proven():
            inputs, files = job.inputs, (Path(render.audio), job.reader.path)
            hashes = (inputs.audio_sha256, inputs.video_sha256)
            require_hashes(dict(zip(files, hashes, strict=True)), reporter.step)
        return rendered


@contextmanager
def prepare_job(
    engine: Engine[Any],
    examined: ExaminedJob,
    cache: Path,
    reporter: ProgressReporter,
    should_stop: ShouldStop,
    speech_cache: SpeechCache,
    watch: InputWatch,
) -> Iterator[tuple["RenderJob", CachedSpeech]]:
    """Listen to a job's sound; yield the job, and the sound. Raises as ``render_job``."""
    render, inputs, reader = examined.render, examined.inputs, examined.reader
    with reporter.stage("listen"):
        delay = inputs.alignment.delay
        waveform = read_waveform(
            Path(render.audio),
            voice_channel=inputs.audio.voice_channel,
            guard=examined.guard,
            delay=delay,
        )
        samples = reporter.report_steps(waveform)
        key = f"{inputs.audio_sha256} {delay}"
        sound = speech_cache.get_or_extract(engine, key, samples, watch.is_proven)
        track = plan_track(render, MediaGuard(step=reporter.step, cores=render.cores))
    reader.keep_depth(encoder_of(render.options, inputs.video).deep)
    with reader:
        job = RenderJob(engine, render, cache, reporter, should_stop, inputs, reader, track, watch)
        yield job, sound


@dataclass(frozen=True, slots=True)
class RenderJob:
    """One job whose files have been probed."""

    engine: Engine[Any]
    render: Render
    cache: Path
    reporter: ProgressReporter
    should_stop: ShouldStop
    inputs: Inputs
    reader: VideoReader
    track: TrackOptions
    watch: InputWatch

    def run(self, sound: CachedSpeech) -> Rendered:
        """Render the job."""
        job, template, context = self.plan(sound)
        clear_tracking(Path(self.render.workspace))
        return job.produce(template, context, sound.level)

    def plan(self, sound: CachedSpeech) -> tuple["RenderJob", Template, RenderContext]:
        """Track the face and plan what is drawn: return the job, as it is with its video turned
        where that is needed, its template, and what all chunks share."""
        timeline = self.build_timeline()
        with self.reporter.stage("track"):
            with ExitStack() as staged:
                job, template = self.find_face(timeline, staged)
                performance = self.engine.plan_performance(template, sound.speech, timeline)
            if template.mouths is not None:
                template.mouths.close()
            self.require_coverage(performance.summary)
        label = label_for(self.render, self.reader.info, timeline.fps)
        context = RenderContext(
            self.reader, timeline, self.engine, performance, self.render.options, label
        )
        return job, template, context

    def find_face(self, timeline: Timeline, staged: ExitStack) -> tuple["RenderJob", Template]:
        """Track the video, turned where that shows a face; return its job and the template.

        At the end of ``staged`` what is new of templates enters the cache.
        """
        with ExitStack() as meanwhile:
            heard: list[object] = []
            if not self.is_tracked(timeline):
                hear = partial(self.hear_video, heard)
                meanwhile.enter_context(run_in_background(hear, lambda _error: None))
            template = staged.enter_context(self.prepare_template(timeline))
            job: RenderJob = self
            if turn_to_face(self.reader, template.track, self.engine.tracker):
                require_encodable(self.render.options, self.reader.info)
                job = replace(self, inputs=replace(self.inputs, video=self.reader.info))
                template = staged.enter_context(job.prepare_template(timeline))
        return job, replace(template, heard=heard[0] if heard else None)

    def hear_video(self, heard: list[object], _is_wanted: Callable[[], bool]) -> None:
        """Add to ``heard`` what the engine hears in the video, which it learns from."""
        heard.append(self.engine.hear_video(self.reader.path, self.reader.guard))

    def produce(self, template: Template, context: RenderContext, level: Curve) -> Rendered:
        """Draw the performance, join the result, review it, and write the report. ``level``: (N,)
        dB of each 20 ms of the sound."""
        strip = self.result_path.with_name("strip.png") if self.render.options.strip else None
        appraiser = Appraiser(context, template, level, strip)
        stats = RenderStats()
        with self.reporter.stage("render"):
            segments = self.draw(context, stats, appraiser.add_source)
        with self.reporter.stage("join"):
            audio_handling = self.mux_result(context, segments)
            marks = mark_result(self.render, self.result_path, self.track.guard)
        with self.reporter.stage("review"):
            appraisal = self.review(context, appraiser)
            mark_strip(self.render, appraisal)
            loudness, warnings = describe_loudness(self.result_path, self.track, self.track.guard)
        stats.warnings += (*loss_warnings(audio_handling, self.inputs.audio), *warnings)
        stats.stage_seconds = self.reporter.stage_seconds
        stats.stage_cpu_seconds = self.reporter.stage_cpu_seconds
        output = describe_pictures(context.expected_pictures, self.reader.info)
        output |= {"audio": audio_handling, "loudness": loudness, "marks": marks}
        return self.write_report(context, stats, appraisal, output)

    def require_coverage(self, summary: PerformanceSummary) -> None:
        """Raise BadInput where too few frames can be drawn: of the damage, where there is any."""
        if not is_covered(summary, self.render.options.min_coverage):
            refuse_damage(self.reader.path.name, self.reader.count_faulty(PICTURES_TO_CHECK))
            refuse_coverage(summary)

    def build_timeline(self) -> Timeline:
        return build_job_timeline(self.render, self.inputs, self.reader)

    def is_tracked(self, timeline: Timeline) -> bool:
        """Whether the cache has the template of the job."""
        count = shown_pictures(timeline)
        key = template_key(self.reader, self.inputs.video_sha256, count, self.render.options.face)
        return template_folder(self.cache, key).is_dir()

    def prepare_template(self, timeline: Timeline) -> AbstractContextManager[Template]:
        needed, tracker = shown_pictures(timeline), self.engine.tracker
        shared = share_tracking(self.render, self.inputs, self.reader, needed, tracker, self.watch)

        def on_pictures(done: int, total: int) -> None:
            if shared is None:
                self.reporter.report_tracked(done, total)
            else:
                pieces = len(shared.finished), len(shared.plan)
                self.reporter.report_tracked(done, total, *pieces)

        if shared is not None:
            shared.on_pictures = on_pictures
        return staged_template(
            self.reader,
            self.inputs.video_sha256,
            needed,
            tracker if shared is None else shared.samples,
            self.cache,
            on_pictures,
            self.watch.is_proven,
            self.render.options.face,
        )

    def draw(self, context: RenderContext, stats: RenderStats, on_source: OnSource) -> list[Path]:
        """Draw every chunk that has no segment yet; return the segments in order."""

        def warn(error: Exception) -> None:
            stats.add_warning(
                f"The sound was not encoded while pictures were drawn: {describe_error(error)}."
            )

        with run_in_background(self.encode_sound, warn):
            return self.drawing(context, stats).draw_all(on_source)

    def drawing(self, context: RenderContext, stats: RenderStats) -> JobDrawing:
        """Return what draws the chunks."""
        return JobDrawing(context, self.render, self.inputs, self.reporter, self.should_stop, stats)

    def encode_sound(self, is_wanted: Callable[[], bool]) -> None:
        """Encode the sound, unless an earlier attempt has.

        It stops when all pictures are drawn: then ``mux_result`` encodes, and reports progress.
        """
        target = chunks.encoded_audio_path(Path(self.render.workspace))
        if not target.exists():
            encode_ahead(Path(self.render.audio), target, is_wanted, self.track)

    @property
    def result_path(self) -> Path:
        suffix = encoder_of(self.render.options, self.inputs.video).spec.suffix
        return Path(self.render.workspace) / f"result{suffix}"

    def mux_result(self, context: RenderContext, segments: list[Path]) -> str:
        """Join the result; return what was done with the sound, as ``mux_segments``."""
        timeline = context.timeline
        return mux_segments(
            segments,
            Path(self.render.audio),
            self.result_path,
            timeline.fps,
            len(timeline),
            self.inputs.audio.duration,
            on_pictures=lambda done: self.reporter.report_joined(done, len(timeline)),
            track=replace(
                self.track, tags=tags_for(self.render), delay=self.inputs.alignment.delay
            ),
        )

    def review(self, context: RenderContext, appraiser: Appraiser) -> Appraisal:
        """Decode the result once: verify all of it, and appraise parts of it."""
        timeline = context.timeline
        progress = ReviewReporter(self.reporter, len(timeline))
        verifier = ResultVerifier(
            self.result_path,
            len(timeline),
            timeline.fps,
            self.inputs.seconds,
            self.inputs.audio.duration,
            on_pictures=progress.note_checked,
            guard=self.track.guard,
            pictures=context.expected_pictures,
        )
        appraisal = appraiser.appraise(verifier, progress.note_measured)
        progress.note_measured(1, 1)  # where it failed, too
        verifier.finish()
        return appraisal

    def write_report(
        self, context: RenderContext, stats: RenderStats, appraisal: Appraisal, output: Json
    ) -> Rendered:
        """Write ``report.json``, and return the message for the supervisor.

        ``output``: entries for its section of that name.
        """
        report = self.result_path.with_name("report.json")
        interlaced = self.reader.info.interlaced
        for warning in input_warnings(self.inputs, self.reader, context.timeline):
            stats.add_warning(warning)
        write_json(
            report,
            build_report(
                self.engine,
                replace(self.inputs, video=replace(self.inputs.video, interlaced=interlaced)),
                context,
                stats,
                appraisal,
                {
                    **output,
                    "damaged_pictures": self.reader.damaged_count,
                    "deinterlaced": interlaced,
                },
            ),
        )
        return Rendered(
            job_id=self.render.job_id,
            result=str(self.result_path),
            report=str(report),
            strip=str(appraisal.strip) if appraisal.strip else None,
        )
