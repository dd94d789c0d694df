"""The worker's end of the wire: messages to and from the supervisor, and memory figures.

The worker sends its memory figures about once a second during a job.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import BinaryIO

from heygem_daemon.protocol import (
    TO_WORKER,
    Halt,
    MemoryUsage,
    Message,
    Pause,
    Render,
    ToWorker,
    encode_message,
)
from heygem_daemon.system.host_memory import resident_bytes

_PR_SET_PDEATHSIG = 1
"""prctl(2)"""


def isolate_stdio() -> tuple[BinaryIO, BinaryIO]:
    """Reserve stdin and stdout for the wire; return them as (incoming, outgoing).

    Afterwards descriptor 0 is empty and descriptor 1 is stderr, so that no library's print and no
    child process can read from the wire or write to it.
    """
    incoming, outgoing = os.dup(0), os.dup(1)
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.close(devnull)
    os.dup2(2, 1)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")


def die_with_parent() -> None:
    """Ask Linux to kill this process when the supervisor's thread that started it ends.

    The end of stdin shows the same, but only to a process whose interpreter still runs.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def read_message(incoming: BinaryIO) -> ToWorker | None:
    """Return the next message, in the calling thread; None at the end of the stream."""
    line = incoming.readline()
    return TO_WORKER.validate_json(line) if line else None


class MessageSender:
    """Writes messages to the supervisor; each arrives whole, from whichever thread."""

    def __init__(self, outgoing: BinaryIO) -> None:
        self._outgoing = outgoing
        self._lock = threading.Lock()

    def __call__(self, message: Message) -> None:
        # A supervisor that is gone also closes our stdin, and that ends this process.
        with self._lock, suppress(BrokenPipeError):
            self._outgoing.write(encode_message(message))
            self._outgoing.flush()


class MessageReceiver:
    """Reads messages from the supervisor in a thread, so that Halt and Pause are seen during a
    job.

    Iteration waits for the next message. At the end of the stream ``on_end`` is called in the
    reading thread: the supervisor is gone, and nobody will collect the result. ``first`` is a
    message that has been read already.
    """

    def __init__(
        self, incoming: BinaryIO, on_end: Callable[[], None], first: ToWorker | None = None
    ) -> None:
        self._incoming = incoming
        self._on_end = on_end
        self._queue: SimpleQueue[ToWorker] = SimpleQueue()
        self._halted = threading.Event()
        self._paused_job: str | None = None
        if first is not None:
            self._take(first)
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def halted(self) -> bool:
        """Return whether Halt has arrived, even if earlier messages are still waiting."""
        return self._halted.is_set()

    def paused(self, job_id: str) -> bool:
        """Return whether Pause has arrived for a job since its last Render."""
        return self._paused_job == job_id

    def __iter__(self) -> Iterator[ToWorker]:
        while True:
            yield self._queue.get()

    def _read(self) -> None:
        for line in self._incoming:
            self._take(TO_WORKER.validate_json(line))
        self._on_end()

    def _take(self, message: ToWorker) -> None:
        if isinstance(message, Halt):
            self._halted.set()
        if isinstance(message, Pause):
            self._paused_job = message.job_id
            return
        if isinstance(message, Render):
            self._paused_job = None  # a job that goes on has the id of the one that was paused
        self._queue.put(message)


STOP_SECONDS = 9.5
"""How long after a stop a job may go on. A step that hears it earlier ends the job earlier."""


@contextmanager
def end_unless_stopped(
    halted: Callable[[], bool],
    end: Callable[[], None],
    seconds: float = STOP_SECONDS,
    every_seconds: float = 0.5,
) -> Iterator[None]:
    """Call ``end`` from a thread where the block goes on for ``seconds`` after ``halted`` is true.

    ``end`` ends the process. Most steps of a job look for a stop themselves. One that does not,
    such as a long call into a library, would otherwise hold up the daemon's end.
    """
    over, lock = threading.Event(), threading.Lock()

    def watch() -> None:
        while not halted():
            if over.wait(every_seconds):
                return
        over.wait(seconds)
        with lock:
            if not over.is_set():
                end()

    threading.Thread(target=watch, name="stop", daemon=True).start()
    try:
        yield
    finally:
        with lock:
            over.set()


def measure_vitals(on_gpu: bool) -> MemoryUsage:
    """Measure this process's memory now.

    GPU memory is what torch's allocator has reserved, and the part of it that is in use. The few
    hundred MiB of the CUDA context are in neither.
    """
    if not on_gpu:
        return MemoryUsage(rss_bytes=resident_bytes())
    import torch  # noqa: PLC0415 - a worker on the CPU may be measured before torch is loaded

    return MemoryUsage(
        rss_bytes=resident_bytes(),
        vram_reserved_bytes=torch.cuda.memory_reserved(),
        vram_active_bytes=torch.cuda.memory_allocated(),
    )


@contextmanager
def report_vitals(
    measure: Callable[[], MemoryUsage],
    send: Callable[[MemoryUsage], None],
    every_seconds: float = 1.0,
) -> Iterator[None]:
    """Send vitals every ``every_seconds`` from a thread while the block runs, and at its end."""
    over = threading.Event()

    def report() -> None:
        while not over.wait(every_seconds):
            send(measure())

    thread = threading.Thread(target=report, name="vitals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        send(measure())
