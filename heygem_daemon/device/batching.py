"""Batch sizes: as many pictures at once as fit, and fewer after memory ran out.

Other programs' use of a GPU's memory comes and goes, so a batch that was made smaller grows again.
It waits longer after each failure, because a batch that does not fit costs the work of a batch.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from heygem_daemon.counts import counted
from heygem_daemon.device.torch_errors import is_out_of_memory

T = TypeVar("T")

SHARE_OF_FREE = 0.8
"""Share of the free memory that a batch may take; the rest is for other programs and for memory
that is not measured."""
INITIAL_PATIENCE, MAX_PATIENCE = 32, 1024
"""Batches that must succeed before a larger one is tried, at first and at most."""


def fitting_batch_size(max_size: int, item_bytes: int, free_bytes: int | None) -> int:
    """Return the largest of ``max_size`` and its halves that fits into ``free_bytes``.

    At least 1, even where one item does not fit: only trying shows that. ``item_bytes``: memory
    that one item takes; ``free_bytes`` None: unknown, which returns ``max_size``.
    """
    size = max_size
    while size > 1 and free_bytes is not None and size * item_bytes > SHARE_OF_FREE * free_bytes:
        size //= 2
    return size


class BatchSizer:
    """The batch size of some work on a device, from 1 to ``max_size``.

    ``release_memory`` frees what the device's allocator has cached. ``report`` gets a sentence
    for the job's report whenever the batch becomes smaller than ever before.
    """

    def __init__(
        self,
        max_size: int,
        size: int | None = None,
        release_memory: Callable[[], None] = lambda: None,
        report: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self.max_size = max_size
        self.release_memory = release_memory
        self._report = report
        self.reset(size or max_size)

    def reset(self, size: int) -> None:
        """Start over with batches of ``size``, at most ``max_size``; forget earlier failures."""
        self.size = self._smallest = min(size, self.max_size)
        self._patience = INITIAL_PATIENCE
        self._successes = 0
        self._on_trial = False
        """Whether the size has grown and no batch of that size has succeeded often enough yet."""

    def run(self, count: int, work: Callable[[slice], T]) -> Iterator[T]:
        """Yield ``work(slice)`` for consecutive slices of ``range(count)``, of at most ``size``.

        Where memory runs out, a smaller slice is tried. Raises what ``work`` raises, and the
        out-of-memory error where a single picture does not fit.
        """
        done = 0
        while done < count:
            part = slice(done, min(done + self.size, count))
            drawn = self._try_slice(work, part)
            # Only here is the exception gone, and with it the last reference to what did not fit.
            if drawn is None:
                self._shrink()
                continue
            self._record_success()
            done = part.stop
            yield drawn[0]

    def _try_slice(self, work: Callable[[slice], T], part: slice) -> tuple[T] | None:
        """Return the result of ``work``; None where memory ran out and a smaller batch may fit."""
        try:
            return (work(part),)
        except Exception as error:
            if self.size == 1 or not is_out_of_memory(error):
                raise
            return None

    def _shrink(self) -> None:
        self.release_memory()
        if self._on_trial:
            self._patience = min(2 * self._patience, MAX_PATIENCE)
        self.size //= 2
        self._successes, self._on_trial = 0, False
        if self.size < self._smallest:
            self._smallest = self.size
            pictures = counted(self.size, "1 picture", "{count} pictures")
            self._report(f"Memory ran out; the batch is now {pictures}.")

    def _record_success(self) -> None:
        self._successes += 1
        if self._successes < self._patience:
            return
        self._successes, self._on_trial = 0, False
        if self.size < self.max_size:
            self.size = min(2 * self.size, self.max_size)
            self._on_trial = True
