"""Run decoder, engine and encoder at the same time, with bounded queues between them.

Decoder and encoder release the interpreter lock while they work, so that threads are enough. The
bounds keep memory constant even if one side is much faster.
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
    """Runs an iterable in a thread, at most ``depth`` items ahead of the consumer.

    The ``with`` statement gives an iterator over its items. An exception of the iterable is raised
    there, after the items before it. Leaving the block ends the thread, also in the middle.
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
    """Calls ``consume`` for each item in a thread. A context manager.

    ``put`` blocks while ``depth`` items wait. An exception of ``consume`` is raised by a later
    ``put``, or on leaving the block, which waits until all items have been consumed.
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
        """Queue one item. Raises what ``consume`` has raised."""
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
                continue  # keep reading, so that put never blocks for ever
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
    """Run optional ``work`` in a thread during the ``with`` block.

    ``work`` is called with a function that returns whether its result is still wanted: not once
    the block is left, which waits for the thread. If ``work`` raises, ``on_error`` is called with
    the exception, in that thread.
    """
    left = threading.Event()

    def run() -> None:
        try:
            work(lambda: not left.is_set())
        except Exception as error:  # noqa: BLE001 - handed to the caller, who can do without it
            on_error(error)

    thread = threading.Thread(target=run, name="background", daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()


class _EndOfQueue:
    """The last item of a queue; ``error`` is what ended it early."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
