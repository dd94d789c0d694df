"""Decode, draw and encode at the same time, with bounded queues between them.

Decoder and encoder release the interpreter lock while they work, so threads are enough; the
bounds keep memory constant however much faster one side is.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.1


class Prefetcher(Generic[T]):
    """Runs an iterable in a thread, at most ``depth`` items ahead of whoever iterates this.

    What the iterable raises is raised here in its place. Leaving the ``with`` block ends the
    thread, also in the middle.
    """

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self._items = items
        self._queue: queue.Queue[T | _EndOfQueue] = queue.Queue(depth)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)

    def __enter__(self) -> Iterator[T]:
        self._thread.start()
        return self._drain()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except BaseException as raised:  # noqa: BLE001 - handed over to the consumer
            error = raised
        self._put(_EndOfQueue(error))

    def _put(self, item: "T | _EndOfQueue") -> bool:
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def _drain(self) -> Iterator[T]:
        while True:
            item = self._queue.get()
            if isinstance(item, _EndOfQueue):
                if item.error is not None:
                    raise item.error
                return
            yield item


class ThreadedSink(Generic[T]):
    """Feeds ``consume`` from a thread; ``put`` blocks once ``depth`` items wait.

    What ``consume`` raises is raised by a later ``put`` or on leaving the ``with`` block, which
    waits until everything put has been consumed.
    """

    def __init__(self, consume: Callable[[T], None], depth: int) -> None:
        self._consume = consume
        self._queue: queue.Queue[T | _EndOfQueue] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)

    def __enter__(self) -> "ThreadedSink[T]":
        self._thread.start()
        return self

    def put(self, item: T) -> None:
        """Hand one item over, in order."""
        self._raise()
        self._queue.put(item)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._queue.put(_EndOfQueue(None))
        self._thread.join()
        if kind is None:
            self._raise()

    def _run(self) -> None:
        while not isinstance(item := self._queue.get(), _EndOfQueue):
            if self._error is not None:
                continue  # keep emptying, so that put never blocks for ever
            try:
                self._consume(item)
            except BaseException as raised:  # noqa: BLE001 - handed over to the producer
                self._error = raised

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error


@contextmanager
def run_in_background(
    work: Callable[[Callable[[], bool]], None], on_error: Callable[[Exception], None]
) -> Iterator[None]:
    """Do ``work`` in a thread during the ``with`` block, for whoever can do without it.

    ``work`` is given a function that says whether it is still wanted: it is not when the block is
    left, which waits for its end. ``failed`` is told, in that thread, what it raises.
    """
    left = threading.Event()

    def run() -> None:
        try:
            work(lambda: not left.is_set())
        except Exception as error:  # noqa: BLE001 - handed over to whoever can do without it
            on_error(error)

    thread = threading.Thread(target=run, name="alongside", daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()


class _EndOfQueue:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error
