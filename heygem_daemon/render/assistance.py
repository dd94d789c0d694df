"""Help with a job that another worker renders, and that is longer than the queue: track pieces of
its video, or draw chunks of it.

Both may be on different machines. An assistant writes into a folder of its own in the job's
workspace, which the daemon has made; from there the daemon takes what is finished. Beside it, an
assistant only makes its claims. When the daemon takes the folder away, the claims no longer count,
and whatever the assistant still makes belongs to no job.
"""

from pathlib import Path
from typing import Any

from heygem_daemon.engines.base import Engine
from heygem_daemon.protocol import Assisted, Render
from heygem_daemon.render.chunk_retry import ShouldStop
from heygem_daemon.render.examination import ExaminedJob, examine_job, shown_pictures
from heygem_daemon.render.pipeline import prepare_job
from heygem_daemon.render.progress import OnProgress, ProgressReporter
from heygem_daemon.render.report import RenderStats
from heygem_daemon.render.shared_tracking import share_tracking
from heygem_daemon.render.speech_cache import SpeechCache
from heygem_daemon.render.unchanged import InputWatch, require_unchanged


def assist_job(
    engine: Engine[Any],
    render: Render,
    cache: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
    speech_cache: SpeechCache | None = None,
) -> Assisted:
    """Track pieces of a job's video, while its worker does that too, or draw chunks of it, into the
    folder of this assistant, until none is left that nobody has.

    Chunks are drawn when the template is in the cache: the worker of the job joins the pieces.
    Parameters and errors as ``render.pipeline.render_job``.
    """
    folder = Path(render.assistant)
    if not folder.is_dir():
        return Assisted(job_id=render.job_id, chunks=0)
    # Another job waits for its place: an assistant does not finish its chunk first.
    reporter = ProgressReporter(render.job_id, on_progress, should_stop, chunk_seconds=0.0)
    speech_cache = speech_cache or SpeechCache()
    with require_unchanged([Path(render.audio), Path(render.video)]) as watch:
        examined = examine_job(render, reporter, watch, folder)
        pieces = _track_offered(engine, examined, reporter, watch, folder)
        if pieces is not None:
            return Assisted(job_id=render.job_id, chunks=0, pieces=pieces)
        prepared = prepare_job(engine, examined, cache, reporter, should_stop, speech_cache, watch)
        drawn = 0
        with prepared as (job, sound):
            if job.is_tracked(job.build_timeline()):
                planned, _, context = job.plan(sound)
                with reporter.stage("render"):
                    drawn = planned.drawing(context, RenderStats()).draw_free(folder)
    return Assisted(job_id=render.job_id, chunks=drawn)


def _track_offered(
    engine: Engine[Any],
    examined: ExaminedJob,
    reporter: ProgressReporter,
    watch: InputWatch,
    folder: Path,
) -> int | None:
    """Track pieces of the video, if the worker of the job does so now; return how many, or None
    where it does not."""
    reader, needed = examined.reader, shown_pictures(examined.build_timeline())
    shared = share_tracking(examined.render, examined.inputs, reader, needed, engine.tracker, watch)
    if shared is None or not shared.is_offered:
        return None

    def report(pieces: int) -> None:
        reporter.report_tracked(0, shared.plan[-1].stop, pieces, len(shared.plan))

    with reporter.stage("track"):
        return shared.track_for_others(folder, report)
