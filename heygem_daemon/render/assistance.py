"""Draw chunks of a job that another worker renders, and that is longer than the queue.

Both may be on different machines. An assistant draws into a folder of its own in the job's
workspace, which the daemon has made; from there the daemon takes the finished chunks. Beside it, an
assistant only makes its claims. When the daemon takes the folder away, the claims no longer count,
and whatever the assistant still draws belongs to no job.
"""

from pathlib import Path
from typing import Any

from heygem_daemon.engines.base import Engine
from heygem_daemon.protocol import Assisted, Render
from heygem_daemon.render.chunk_retry import ShouldStop
from heygem_daemon.render.pipeline import prepare_job
from heygem_daemon.render.progress import OnProgress, ProgressReporter
from heygem_daemon.render.report import RenderStats
from heygem_daemon.render.speech_cache import SpeechCache
from heygem_daemon.render.unchanged import require_unchanged


def assist_job(
    engine: Engine[Any],
    render: Render,
    cache: Path,
    on_progress: OnProgress,
    should_stop: ShouldStop,
    speech_cache: SpeechCache | None = None,
) -> Assisted:
    """Draw chunks of a job into the folder of this assistant, until none is left that nobody has.

    The worker of the job has tracked the face: without its template in the cache, nothing is drawn.
    Parameters and errors as ``render.pipeline.render_job``.
    """
    folder = Path(render.assistant)
    if not folder.is_dir():
        return Assisted(job_id=render.job_id, chunks=0)
    # Another job waits for its place: an assistant does not finish its chunk first.
    reporter = ProgressReporter(render.job_id, on_progress, should_stop, chunk_seconds=0.0)
    speech_cache = speech_cache or SpeechCache()
    with (
        require_unchanged([Path(render.audio), Path(render.video)]) as watch,
        prepare_job(engine, render, cache, reporter, should_stop, speech_cache, watch, folder) as (
            job,
            sound,
        ),
    ):
        drawn = 0
        if job.is_tracked(job.build_timeline()):
            planned, _, context = job.plan(sound)
            with reporter.stage("render"):
                drawn = planned.drawing(context, RenderStats()).draw_free(folder)
    return Assisted(job_id=render.job_id, chunks=drawn)
