"""How far a job is: stages with their times, chunks with their frames, told as they happen."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

from heygem_daemon.protocol import Progress
from heygem_daemon.render.chunks import Chunk

Stage = Literal["probe", "listen", "track", "render", "join", "review"]
OnProgress = Callable[[Progress], None]
T = TypeVar("T")


class ProgressReporter:
    """Tells the progress of one job, and keeps the seconds that each stage took."""

    def __init__(self, job_id: str, on_progress: OnProgress) -> None:
        self._job_id = job_id
        self._on_progress = on_progress
        self.stage_seconds: dict[str, float] = {}
        self.stage_cpu_seconds: dict[str, float] = {}
        """Processor time of all threads of this process, stage by stage."""

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Announce a stage and time it."""
        self.report(Progress(job_id=self._job_id, stage=name))
        began, computed = time.monotonic(), time.process_time()
        yield
        self.stage_seconds[name] = round(time.monotonic() - began, 3)
        self.stage_cpu_seconds[name] = round(time.process_time() - computed, 3)

    def report_listening(self, waveform: Iterable[T]) -> Iterator[T]:
        """Pass the blocks of a sound on, telling after each that work goes on: a sound of hours
        must not look like a worker that is stuck."""
        for block in waveform:
            yield block
            self.report(Progress(job_id=self._job_id, stage="listen"))

    def report_tracked(self, done: int, total: int) -> None:
        """``done`` of ``total`` pictures have been tracked."""
        self.report(Progress(job_id=self._job_id, stage="track", frames=done, total_frames=total))

    def report_joined(self, done: int, total: int) -> None:
        """``done`` of the result's ``total`` pictures have been joined with their sound."""
        self.report(Progress(job_id=self._job_id, stage="join", frames=done, total_frames=total))

    def report_reviewed(self, done: int, total: int) -> None:
        """``done`` of the result's ``total`` pictures have been checked."""
        self.report(Progress(job_id=self._job_id, stage="review", frames=done, total_frames=total))

    def chunk_reporter(self, count: int, frames: int) -> "ChunkReporter":
        """A reporter for the rendering of ``count`` chunks with ``frames`` frames in all."""
        return ChunkReporter(self._job_id, self.report, count, frames)

    def report(self, progress: Progress) -> None:
        self._on_progress(progress)


class ChunkReporter:
    """Counts drawn frames and tells how fast they come; chunks taken over are no speed."""

    def __init__(self, job_id: str, on_progress: OnProgress, count: int, frames: int) -> None:
        self._job_id = job_id
        self._on_progress = on_progress
        self._count = count
        self._frames = frames
        self._chunk = 0
        self._done = 0
        self._drawn = 0
        self._began = time.monotonic()

    def start_chunk(self, chunk: Chunk) -> None:
        """``chunk`` is being drawn, from its first frame."""
        self._report(chunk.number + 1, chunk.first)

    def skip_chunk(self, chunk: Chunk) -> None:
        """``chunk`` was finished by an earlier attempt."""
        self._report(chunk.number + 1, chunk.stop)

    def advance(self, frames: int) -> None:
        """``frames`` more frames of the chunk at hand are drawn."""
        self._drawn += frames
        self._report(self._chunk, self._done + frames)

    def _report(self, chunk: int, done: int) -> None:
        self._chunk, self._done = chunk, done
        elapsed = max(time.monotonic() - self._began, 1e-6)
        self._on_progress(
            Progress(
                job_id=self._job_id,
                stage="render",
                chunk=chunk,
                chunks=self._count,
                frames=done,
                total_frames=self._frames,
                fps=round(self._drawn / elapsed, 1),
            )
        )
