"""Report the progress of a job: stages with their times, chunks with their frames."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, TypeVar

from heygem_daemon.errors import Interrupted
from heygem_daemon.protocol import Progress
from heygem_daemon.render.chunks import Chunk

Stage = Literal["probe", "listen", "track", "render", "join", "review"]
OnProgress = Callable[[Progress], None]
T = TypeVar("T")


STEP_REPORT_SECONDS = 1.0
"""Least time between two reports of mere steps."""
LOOK_SECONDS = 1.0
"""Least time between two looks at what other workers have finished."""
CHUNK_SECONDS = 6.0
"""How long after a stop the current chunk may still be finished."""


class ProgressReporter:
    """Reports the progress of one job, measures its stages, and ends them when a stop is requested.

    Whatever reads the job's files calls ``step`` all the time, from any thread. So every stage
    shows that it goes on, and hears of a stop.
    """

    def __init__(
        self,
        job_id: str,
        on_progress: OnProgress,
        should_stop: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        chunk_seconds: float = CHUNK_SECONDS,
    ) -> None:
        """``chunk_seconds``: how long after a stop the current chunk may still be finished."""
        self._job_id = job_id
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._clock = clock
        self._chunk_seconds = chunk_seconds
        self._lock = threading.Lock()
        self._last = Progress(job_id=job_id, stage="probe")
        self._steps = 0
        self._reported_at = clock()
        self._stopped_at: float | None = None
        self.stage_seconds: dict[str, float] = {}
        """Wall-clock time of each finished stage."""
        self.stage_cpu_seconds: dict[str, float] = {}
        """Processor time of all threads of this process in each finished stage."""

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Report the start of a stage, and measure its time."""
        self.report(Progress(job_id=self._job_id, stage=name))
        began, computed = time.monotonic(), time.process_time()
        yield
        self.stage_seconds[name] = round(time.monotonic() - began, 3)
        self.stage_cpu_seconds[name] = round(time.process_time() - computed, 3)

    def step(self) -> None:
        """Note that a packet, picture or block was read.

        Raises Interrupted when a stop is requested; while a chunk is drawn, some seconds
        later, so that a chunk that is almost finished is kept.
        """
        now = self._clock()
        self._raise_if_stopped(now)
        with self._lock:
            self._steps += 1
            if now - self._reported_at >= STEP_REPORT_SECONDS:
                self._send(self._last, now)

    def _raise_if_stopped(self, now: float) -> None:
        if not self._should_stop():
            return
        if self._stopped_at is None:
            self._stopped_at = now
        drawing = self._last.stage == "render"
        if not drawing or now - self._stopped_at >= self._chunk_seconds:
            raise Interrupted(f"stopped in the stage {self._last.stage}")

    def report_steps(self, items: Iterable[T]) -> Iterator[T]:
        """Yield ``items``, with a step after each."""
        for item in items:
            yield item
            self.step()

    def report_tracked(self, done: int, total: int, pieces: int = 0, all_pieces: int = 0) -> None:
        """Report that ``done`` of ``total`` pictures have been tracked. ``pieces``: how many of
        ``all_pieces`` are; 0 of 0: others cannot help."""
        self.report(
            Progress(
                job_id=self._job_id,
                stage="track",
                frames=done,
                total_frames=total,
                pieces=pieces,
                all_pieces=all_pieces,
            )
        )

    def report_joined(self, done: int, total: int) -> None:
        """Report that ``done`` of ``total`` output pictures have been joined with the sound."""
        self.report(Progress(job_id=self._job_id, stage="join", frames=done, total_frames=total))

    def report_reviewed(self, done: int, total: int) -> None:
        """Report that ``done`` of ``total`` output pictures have been reviewed."""
        self.report(Progress(job_id=self._job_id, stage="review", frames=done, total_frames=total))

    def chunk_reporter(self, plan: Sequence[Chunk], workspace: Path) -> "ChunkReporter":
        """Return a reporter for the chunks of ``plan``, whose segments come into ``workspace``."""
        return ChunkReporter(self._job_id, self._report_drawn, plan, workspace)

    def _report_drawn(self, progress: Progress) -> None:
        # Short chunks are read to their end before their first picture is drawn.
        self.report(progress)
        self._raise_if_stopped(self._clock())

    def report(self, progress: Progress) -> None:
        """Pass a message on, with the number of steps so far."""
        with self._lock:
            self._send(progress, self._clock())

    def _send(self, progress: Progress, now: float) -> None:
        self._last, self._reported_at = progress, now
        self._on_progress(progress.model_copy(update={"steps": self._steps}))


class ReviewReporter:
    """Reports how far the review of a result is. All of its pictures are checked and some of them
    are measured, at the same time: it is as far as the one that lies behind."""

    def __init__(self, reporter: ProgressReporter, total: int) -> None:
        """``total``: how many pictures the result has."""
        self._reporter = reporter
        self._total = total
        self._checked = 0
        self._measured_share = 1.0

    def note_checked(self, done: int) -> None:
        """Report that ``done`` pictures have been checked. From any thread."""
        self._checked = done
        self._report()

    def note_measured(self, done: int, of: int) -> None:
        """Report that ``done`` of the ``of`` pictures to be measured have been."""
        self._measured_share = done / of if of else 1.0
        self._report()

    def _report(self) -> None:
        done = min(self._checked, int(self._total * self._measured_share))
        self._reporter.report_reviewed(done, self._total)


class ChunkReporter:
    """Reports drawn frames and their rate, without the chunks of earlier attempts. It counts what
    other workers finish meanwhile."""

    def __init__(
        self, job_id: str, on_progress: OnProgress, plan: Sequence[Chunk], workspace: Path
    ) -> None:
        self._job_id = job_id
        self._on_progress = on_progress
        self._plan = plan
        self._workspace = workspace
        self._finished: set[int] = set()
        self._chunk: Chunk | None = None
        self._done = 0
        self._began = self._looked_at = time.monotonic()
        self._look()
        self._done_before = self._count_finished()

    def start_chunk(self, chunk: Chunk) -> None:
        """Report that drawing ``chunk``, or a piece of one, starts."""
        self._begin(chunk)
        self._report()

    def skip_chunk(self, chunk: Chunk) -> None:
        """Report that ``chunk`` was finished by an earlier attempt or by another worker."""
        self._begin(chunk)
        self._done = chunk.frame_count
        if chunk.piece:  # Whole ones were counted at the beginning, where they were there.
            self._done_before += chunk.frame_count
        self._report()

    def advance(self, frames: int) -> None:
        """Report that ``frames`` more frames of the current chunk are drawn."""
        self._done += frames
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._look()
        self._report()

    def _begin(self, chunk: Chunk) -> None:
        if self._chunk is not None and self._chunk.number != chunk.number:
            self._finished.add(self._chunk.number)
        self._chunk, self._done = chunk, 0
        self._look()

    def _look(self) -> None:
        """Look which chunks are finished, whoever drew them."""
        self._looked_at = time.monotonic()
        with suppress(FileNotFoundError):  # before the first chunk there is no workspace
            there = {each.name for each in self._workspace.iterdir()}
            self._finished |= {
                each.number
                for each in self._plan
                if each.segment_path(self._workspace).name in there
            }

    def _count_finished(self) -> int:
        """Return how many frames are drawn of the chunks that are finished, and of the current one
        before its piece."""
        current = None if self._chunk is None else self._chunk.number
        finished = self._finished - {current}
        before = 0
        if self._chunk is not None:
            before = self._chunk.first - self._plan[self._chunk.number].first
        return before + sum(self._plan[number].frame_count for number in finished)

    def _report(self) -> None:
        done = self._count_finished() + self._done
        elapsed = max(time.monotonic() - self._began, 1e-6)
        self._on_progress(
            Progress(
                job_id=self._job_id,
                stage="render",
                chunk=0 if self._chunk is None else self._chunk.number + 1,
                chunks=len(self._plan),
                frames=done,
                total_frames=self._plan[-1].stop,
                fps=round((done - self._done_before) / elapsed, 1),
            )
        )
