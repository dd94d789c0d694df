"""Batches drawn side by side, each by a thread of its own with its share of the cores.

Threads that share one batch wait for the slowest of them after every layer, which costs most where
other programs use the cores too. Those that have a batch each never wait.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_STREAMS = 8
"""More would need too many pictures at once; each gets several cores instead."""


def stream_count(device: torch.device) -> int:
    """How many batches to draw side by side: on a GPU one, which shares out each batch itself."""
    return min(torch.get_num_threads(), MOST_STREAMS) if device.type == "cpu" else 1


class Streams:
    """``count`` threads, among which torch's compute threads are shared out; none for one."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = _started(count) if count > 1 else None

    def map(self, work: Callable[[Item], Result], given: Iterable[Item]) -> Iterator[Result]:
        """What ``work`` makes of each, in their order. Raises what ``work`` raises."""
        return map(work, given) if self._pool is None else self._pool.map(work, given)


def _started(count: int) -> ThreadPoolExecutor:
    """Threads that have their share already. Each thread keeps its number, but what was set last
    is what threads that are new to torch begin with: afterwards it is as it was before."""
    threads = torch.get_num_threads()
    together = threading.Barrier(count)

    def take_share() -> None:
        torch.get_num_threads()  # At first use a thread takes over the common number.
        torch.set_num_threads(max(1, threads // count))
        together.wait()

    pool = ThreadPoolExecutor(count, thread_name_prefix="stream")
    for ready in [pool.submit(take_share) for _ in range(count)]:
        ready.result()
    torch.set_num_threads(threads)
    return pool
