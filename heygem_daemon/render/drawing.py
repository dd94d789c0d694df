"""Draw the chunks of a job: alone, or together with other workers that have none of their own."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon import __version__
from heygem_daemon.counts import counted
from heygem_daemon.device.batching import BatchSizer, fitting_batch_size
from heygem_daemon.device.memory import device_memory
from heygem_daemon.errors import Interrupted
from heygem_daemon.protocol import Render
from heygem_daemon.render import chunks
from heygem_daemon.render.chunk_claims import (
    claim_chunk,
    clear_claims,
    give_back,
    is_with_assistant,
)
from heygem_daemon.render.chunk_retry import ChunkRenderer, ShouldStop
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.render.draw import OnSource, RenderContext
from heygem_daemon.render.output import encoder_of
from heygem_daemon.render.progress import ProgressReporter
from heygem_daemon.render.report import Inputs, RenderStats
from heygem_daemon.system.units import GIB

SETTLED_AFTER_DRAWING = {"strip", "min_coverage", "audio", "given"}
"""Options that change no segment, nor the sound that is encoded ahead."""
POLL_SECONDS = 0.1
"""How often to look whether another worker has finished its chunk."""


@dataclass(frozen=True, slots=True)
class JobDrawing:
    """The drawing of one job. What is drawn lies in its workspace."""

    context: RenderContext
    render: Render
    inputs: Inputs
    reporter: ProgressReporter
    should_stop: ShouldStop
    stats: RenderStats

    def draw_all(self, on_source: OnSource) -> list[Path]:
        """Draw every chunk that has no segment yet and that no other worker draws, and wait for
        those; return the segments in order.

        A chunk whose worker has given up is drawn here. Raises as ``ChunkRenderer.draw``.
        """
        chunks.reset_stale_workspace(self._workspace, self.fingerprint())
        clear_claims(self._workspace)
        plan = self._plan()
        kept = {each.number for each in plan if each.segment_path(self._workspace).exists()}
        renderer = self._renderer(plan, self._workspace, on_source)
        segments: dict[int, list[Path]] = {}
        while len(segments) < len(plan):
            before = len(segments)
            for chunk in plan:
                if chunk.number not in segments:
                    segments |= self._draw_or_take(chunk, renderer, kept)
            if len(segments) == before:
                self._wait()
        return [segment for chunk in plan for segment in segments[chunk.number]]

    def draw_free(self, folder: Path) -> int:
        """Draw chunks of a job whose own worker draws too, into ``folder`` of its workspace, until
        none is left that nobody has; return how many. Raises as ``ChunkRenderer.draw``."""
        if not chunks.has_fingerprint(self._workspace, self.fingerprint()):
            return 0  # Its worker has other inputs or options, or another engine.
        plan = self._plan()
        renderer = self._renderer(plan, folder, lambda _frame, _picture: None)
        for chunk in plan:
            is_done = chunk.segment_path(self._workspace).exists()
            if not is_done and claim_chunk(chunk, self._workspace, folder.name):
                self._draw_claimed(chunk, renderer)
        return self.stats.drawn

    def _draw_claimed(self, chunk: Chunk, renderer: ChunkRenderer) -> None:
        try:
            renderer.draw(chunk)
        except BaseException:
            give_back(chunk, self._workspace)
            raise

    def fingerprint(self) -> dict[str, object]:
        """What must be equal for the segments of an earlier attempt to be reused."""
        engine = self.context.engine
        return {
            "version": __version__,
            # Whoever can change the content of a file after it was hashed harms only their own.
            "owner": Path(self.render.audio).lstat().st_uid,
            "engine": engine.name,
            "weights": engine.weights_sha256,
            "precision": engine.precision,
            "audio": self.inputs.audio_sha256,
            "video": self.inputs.video_sha256,
            "options": self.render.options.model_dump(exclude=SETTLED_AFTER_DRAWING),
            "label": self.render.label and self.render.label.model_dump(),
        }

    def _draw_or_take(
        self, chunk: Chunk, renderer: ChunkRenderer, kept: set[int]
    ) -> dict[int, list[Path]]:
        """Draw a chunk, or take its segments; return them by its number, or nothing while another
        worker draws it."""
        segment = chunk.segment_path(self._workspace)
        if not (segment.exists() or claim_chunk(chunk, self._workspace)) and is_with_assistant(
            chunk, self._workspace
        ):
            return {}
        if chunk.number not in kept and segment.exists():
            self.stats.shared += 1
            self.stats.resumed -= 1
        return {chunk.number: renderer.draw(chunk)}

    def _wait(self) -> None:
        if self.should_stop():
            raise Interrupted("stopped while other workers drew the last chunks")
        self.reporter.step()
        time.sleep(POLL_SECONDS)

    def _plan(self) -> list[Chunk]:
        timeline = self.context.timeline
        return chunks.split_frames(
            len(timeline),
            timeline.fps,
            self.render.options.chunk_seconds,
            encoder_of(self.render.options, self.inputs.video).spec.suffix,
        )

    def _renderer(self, plan: Sequence[Chunk], target: Path, on_source: OnSource) -> ChunkRenderer:
        """Return what draws chunks into the folder ``target``."""
        reporter = self.reporter.chunk_reporter(plan, target)
        batching = self._choose_batching()
        return ChunkRenderer(
            self.context,
            batching,
            target,
            reporter,
            self.stats,
            self.should_stop,
            on_source,
        )

    def _choose_batching(self) -> BatchSizer:
        """Choose the frames per batch: the engine's own number, or fewer if memory is short."""
        engine = self.context.engine
        memory = device_memory(engine.device.torch_device, self.render.keep_free_vram_bytes)
        free = memory.free_bytes()
        size = fitting_batch_size(engine.batch, engine.bytes_per_frame, free)
        if size < engine.batch:
            frames = counted(size, "1 frame", "{count} frames")
            self.stats.add_warning(
                f"Only {free / GIB:.1f} GiB of memory were free on the device: drawing began "
                f"with {frames} at once rather than {engine.batch}."
            )
        engine.begin_job(size)
        return BatchSizer(engine.batch, size, memory.release_cached, self.stats.add_warning)

    @property
    def _workspace(self) -> Path:
        return Path(self.render.workspace)
