"""Draw a chunk: whole, again after an error, or in smaller and smaller pieces if memory runs out.

A drawn piece stays on disk like a chunk, so that a job that fails for lack of memory does not
draw it again in its next attempt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.device.batching import BatchSizer
from heygem_daemon.device.torch_errors import classify_torch_error, is_out_of_memory
from heygem_daemon.errors import HeygemError, Interrupted
from heygem_daemon.render.appraisal import describe_error
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.render.draw import OnSource, RenderContext, draw_chunk
from heygem_daemon.render.progress import ChunkReporter
from heygem_daemon.render.report import RenderStats

ShouldStop = Callable[[], bool]

MIN_PIECE_FRAMES = 16
"""A chunk is not cut into pieces shorter than this."""


@dataclass(frozen=True, slots=True)
class ChunkRenderer:
    """Draws the chunks of one job into its workspace."""

    context: RenderContext
    batching: BatchSizer
    workspace: Path
    reporter: ChunkReporter
    stats: RenderStats
    should_stop: ShouldStop
    """Called before each chunk and each piece."""
    on_source: OnSource
    """Called with the source picture of every frame that is drawn."""

    def draw(self, chunk: Chunk) -> list[Path]:
        """Draw ``chunk`` and return its segments in order: one, unless memory was short.

        Segments of an earlier attempt are kept. Raises as ``draw_chunk``, and Interrupted if
        ``should_stop`` returns True.
        """
        segment = chunk.segment_path(self.workspace)
        if segment.exists():
            self.stats.resumed += 1
            self.reporter.skip_chunk(chunk)
            return [segment]
        if self.should_stop():
            raise Interrupted(f"stopped before frame {chunk.first}")
        if not chunk.has_pieces(self.workspace) and self._try_whole(chunk, segment):
            self.stats.drawn += 1
            return [segment]
        return [path for half in chunk.halves() for path in self.draw(half)]

    def _try_whole(self, chunk: Chunk, segment: Path) -> bool:
        """Draw ``chunk`` as one; return False where memory ran out and halves may be possible."""
        try:
            self._draw_with_retry(chunk, segment)
        except Exception as error:
            if not is_out_of_memory(error) or chunk.frame_count < 2 * MIN_PIECE_FRAMES:
                raise
        else:
            return True
        self.batching.release_memory()
        self.stats.add_warning("Memory ran out; chunks were drawn in smaller pieces.")
        return False

    def _draw_with_retry(self, chunk: Chunk, segment: Path) -> None:
        """Draw ``chunk``, and once more after an error of unknown kind."""
        try:
            self._draw_once(chunk, segment)
        except HeygemError:
            raise
        except Exception as error:
            if classify_torch_error(error) is not None:
                raise
            cause = describe_error(error)
        else:
            return
        self.stats.retried += 1
        self.stats.add_warning(f"Chunk {chunk.number + 1} was drawn again after an error: {cause}.")
        self._draw_once(chunk, segment)

    def _draw_once(self, chunk: Chunk, segment: Path) -> None:
        self.reporter.start_chunk(chunk)
        draw_chunk(
            self.context, chunk, segment, self.reporter.advance, self.batching, self.on_source
        )
