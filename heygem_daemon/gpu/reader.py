"""The GPUs' readings, taken in a thread of their own: a driver that hangs stops nobody else."""

import math
import threading
import time
from collections.abc import Callable
from typing import Protocol

from loguru import logger

from heygem_daemon.gpu.changes import changes
from heygem_daemon.gpu.nvml import Nvml
from heygem_daemon.gpu.reading import Readings

EVERY_SECONDS = 1.0
ANSWER_SECONDS = 10.0
"""After so long without an answer the last one is too old to place jobs by."""
LONGEST_PAUSE = 30.0
CLOSE_SECONDS = 1.0


class Source(Protocol):
    """Where readings come from; used by the reader's thread alone."""

    def read(self) -> Readings: ...

    def close(self) -> None: ...


class GpuReader:
    """Reads once a second, less often where there is no driver or it is at fault; says in the
    log what changes. The one place where a running daemon's readings come from."""

    def __init__(
        self, source: Source | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source if source is not None else Nvml()
        self._clock = clock
        self._last = Readings(fault="the NVIDIA driver has not answered yet")
        self._due = math.inf
        """When the next answer is overdue: after that the last one is too old."""
        self._answered = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpu-reader", daemon=True)

    def start(self, patience_seconds: float) -> None:
        """Begin to read, if that has not begun; returns with the first answer, or without one
        when it has waited so long. A driver that is not resident may take seconds a GPU."""
        if self._thread.ident is None:
            self._thread.start()
        self._answered.wait(patience_seconds)

    def latest(self) -> Readings:
        """The last answer, the same object until there is a newer one; never waits.

        Where the driver does not answer, it is a fault that says for how long.
        """
        overdue = self._clock() - self._due
        if overdue > 0:
            silent = overdue + ANSWER_SECONDS
            return Readings(
                fault=f"the NVIDIA driver has not answered for {silent:.0f} s; see dmesg"
            )
        return self._last

    def close(self) -> None:
        """Stop reading; a thread that hangs in the driver is left to end with the process."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        said: Readings | None = None
        failures = 0
        while not self._stopped.is_set():
            began = self._clock()
            self._due = began + ANSWER_SECONDS
            answer = self._read()
            took = self._clock() - began
            failed = answer.absence is not None or answer.fault is not None
            failures = failures + 1 if failed else 0
            self._last = answer
            self._due = self._clock() + pause(failures) + ANSWER_SECONDS
            self._answered.set()
            _tell(said, answer, took)
            said = answer
            self._stopped.wait(pause(failures))
        self._source.close()

    def _read(self) -> Readings:
        try:
            return self._source.read()
        except Exception:  # noqa: BLE001 - a bug in reading must not end all reading unseen
            logger.exception("a bug in reading the GPUs")
            return Readings(fault="a bug of this program keeps it from reading the GPUs")


def _tell(before: Readings | None, after: Readings, took: float) -> None:
    if took > ANSWER_SECONDS:
        logger.warning("the NVIDIA driver answers again, after {:.0f} s", took)
    for level, text in changes(before, after):
        logger.log(level, text)


def pause(failures: int) -> float:
    """Seconds until the next reading after so many that failed in a row: 1, 2, 4, … 30."""
    return min(EVERY_SECONDS * float(1 << min(max(failures - 1, 0), 10)), LONGEST_PAUSE)
