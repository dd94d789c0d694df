"""Streams: threads that each draw batches of their own, with a share of the cores.

Threads that share one batch wait for the slowest of them after every layer, which costs most while
other programs use the cores. Threads with a batch each do not wait.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_STREAMS = 8
"""More streams need too many pictures at once. Beyond this, each stream gets several cores."""


def stream_count(device: torch.device) -> int:
    """Return how many batches to draw at once: one on a GPU, which spreads each batch itself."""
    return min(torch.get_num_threads(), MAX_STREAMS) if device.type == "cpu" else 1


class Streams:
    """``count`` threads that share ``cores``; for one, the caller's thread is used."""

    def __init__(self, count: int, cores: int | None = None) -> None:
        """``cores``: how many compute threads they have in all; None: those of torch."""
        cores = torch.get_num_threads() if cores is None else cores
        self.count = count
        self.shape = count, cores
        """Number of streams and of cores."""
        self._pool = _start_pool(count, cores) if count > 1 else None

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield the result of ``work`` for each item, in order. Raises what ``work`` raises."""
        return map(work, items) if self._pool is None else self._pool.map(work, items)


def _start_pool(count: int, cores: int) -> ThreadPoolExecutor:
    """Start threads that have their share of ``cores`` as compute threads.

    Each thread keeps its own number. The number set last is also the default of threads that are
    new to torch, so it is restored afterwards.
    """
    threads = torch.get_num_threads()
    barrier = threading.Barrier(count)

    def take_share() -> None:
        torch.get_num_threads()  # At its first use of torch a thread takes the default.
        torch.set_num_threads(max(1, cores // count))
        barrier.wait()

    pool = ThreadPoolExecutor(count, thread_name_prefix="stream")
    for ready in [pool.submit(take_share) for _ in range(count)]:
        ready.result()
    torch.set_num_threads(threads)
    return pool
