"""Reads the GPUs in a separate thread, and logs what changes from one reading to the next.

A driver that hangs stops only this thread.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal, Protocol

from heygem_daemon.events.devices import DriverAnswersAgain, GpuChanged, GpuReadingBug
from heygem_daemon.gpu.nvml import Nvml
from heygem_daemon.gpu.reading import GpuReading, Readings, describe_memory, gpu_label

READ_INTERVAL_SECONDS = 1.0
ANSWER_TIMEOUT_SECONDS = 10.0
"""When the driver has not answered for this long, the last readings are too old to place jobs."""
MAX_PAUSE_SECONDS = 30.0
CLOSE_SECONDS = 1.0


class ReadingSource(Protocol):
    """A source of readings; only the reader's thread uses it."""

    def read(self) -> Readings: ...

    def close(self) -> None: ...


class GpuReader:
    """Reads the GPUs once a second, less often where the driver is missing or at fault.

    It logs what changes. All readings of a running daemon come from here.
    """

    def __init__(
        self, source: ReadingSource | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source if source is not None else Nvml()
        self._clock = clock
        self._last = Readings(fault="the NVIDIA driver has not answered yet")
        self._overdue_at = math.inf
        """Time of the clock after which the next answer is overdue and the last one too old."""
        self._answered = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gpu-reader", daemon=True)

    def start(self, timeout_seconds: float) -> None:
        """Start reading, if that has not started, and wait for the first answer.

        Returns without an answer after ``timeout_seconds``. A driver that is not resident may take
        seconds per GPU.
        """
        if self._thread.ident is None:
            self._thread.start()
        self._answered.wait(timeout_seconds)

    def latest(self) -> Readings:
        """Return the last readings, the same object until there are newer ones; never waits.

        Where the driver does not answer, the readings are a fault that says for how long.
        """
        overdue = self._clock() - self._overdue_at
        if overdue > 0:
            silent = overdue + ANSWER_TIMEOUT_SECONDS
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
        previous: Readings | None = None
        failures = 0
        while not self._stopped.is_set():
            began = self._clock()
            self._overdue_at = began + ANSWER_TIMEOUT_SECONDS
            answer = self._read()
            took = self._clock() - began
            failed = answer.absence is not None or answer.fault is not None
            failures = failures + 1 if failed else 0
            self._last = answer
            self._overdue_at = (
                self._clock() + retry_pause_seconds(failures) + ANSWER_TIMEOUT_SECONDS
            )
            self._answered.set()
            _log_changes(previous, answer, took)
            previous = answer
            self._stopped.wait(retry_pause_seconds(failures))
        self._source.close()

    def _read(self) -> Readings:
        try:
            return self._source.read()
        except Exception as error:  # noqa: BLE001 - a bug in reading must not end the thread unnoticed
            GpuReadingBug().log(error=error)
            return Readings(fault="a bug of this program keeps it from reading the GPUs")


def _log_changes(before: Readings | None, after: Readings, took: float) -> None:
    if took > ANSWER_TIMEOUT_SECONDS:
        DriverAnswersAgain(round(took, 1)).log()
    for level, text in describe_changes(before, after):
        GpuChanged(text).log(level=level)


def retry_pause_seconds(failures: int) -> float:
    """Return the seconds until the next reading after ``failures`` in a row: 1, 2, 4, … 30."""
    return min(READ_INTERVAL_SECONDS * float(1 << min(max(failures - 1, 0), 10)), MAX_PAUSE_SECONDS)


LogLine = tuple[Literal["INFO", "WARNING", "ERROR"], str]
"""A level and a sentence."""


def describe_changes(before: Readings | None, after: Readings) -> list[LogLine]:
    """Return log lines for what is new in ``after``; ``before`` is None for the first readings."""
    if after.fault is not None:
        unchanged = before is not None and before.fault == after.fault
        return [] if unchanged else [("ERROR", f"no GPU can be used: {after.fault}")]
    if after.absence is not None:
        unchanged = before is not None and before.absence == after.absence
        # At the start this is a fact about the machine, later it is a loss.
        level: Literal["INFO", "WARNING"] = "INFO" if before is None else "WARNING"
        return [] if unchanged else [(level, f"no GPU here: {after.absence}")]
    return list(_gpu_changes(before, after))


def _gpu_changes(before: Readings | None, after: Readings) -> Iterator[LogLine]:
    if before is None or before.fault is not None or before.absence is not None:
        yield "INFO", _describe_driver(after)
    previous = {gpu.uuid: gpu for gpu in before.gpus} if before is not None else {}
    for gpu in after.gpus:
        yield from _changes_of_gpu(previous.pop(gpu.uuid, None), gpu)
    for gpu in previous.values():
        yield "WARNING", f"{gpu_label(gpu)} is gone"


def _changes_of_gpu(before: GpuReading | None, after: GpuReading) -> Iterator[LogLine]:
    if before is None:
        yield "INFO", f"{gpu_label(after)} is here: {describe_memory(after)}"
    fault, xid = (before.fault, before.xid) if before is not None else (None, None)
    if after.fault is not None and after.fault != fault:
        yield "ERROR", f"{gpu_label(after)} is not used: {after.fault}"
    if after.fault is None and fault is not None:
        yield "INFO", f"{gpu_label(after)} can be used again"
    if after.fault is None and after.xid not in (None, xid):
        yield "WARNING", f"the driver reported Xid {after.xid} of {gpu_label(after)}; see dmesg"


def _describe_driver(readings: Readings) -> str:
    cuda = f", serves CUDA up to {readings.cuda_version}" if readings.cuda_version else ""
    return f"NVIDIA driver {readings.driver or 'of unknown version'}{cuda}"
