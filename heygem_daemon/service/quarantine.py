"""Devices that have failed, and until when each is left alone. Pure bookkeeping over seconds."""

from collections.abc import Iterator
from dataclasses import dataclass

from heygem_daemon.service.queue import pause


@dataclass(frozen=True, slots=True)
class _Case:
    """``failures`` in a row; ``until`` by the monotonic clock; ``reason`` of the last one."""

    failures: int
    until: float
    reason: str


class Quarantine:
    """Each device is left alone for a while that doubles with each failure in a row: from 5 seconds
    to 10 minutes. Then one more job may try it. A device goes by its UUID, the CPU by None."""

    def __init__(self) -> None:
        self._cases: dict[str | None, _Case] = {}

    def commit(self, uuid: str | None, reason: str, now: float) -> float | None:
        """Set a device aside; for how many seconds. None: it is aside already, so that two workers
        that fail for one reason count once."""
        known = self._cases.get(uuid)
        if known is not None and now < known.until:
            return None
        failures = known.failures + 1 if known else 1
        self._cases[uuid] = _Case(failures, now + pause(failures), reason)
        return pause(failures)

    def pardon(self, uuid: str | None) -> None:
        """A job went well there: what was before no longer counts."""
        self._cases.pop(uuid, None)

    def aside(self, now: float) -> Iterator[tuple[str | None, str, float]]:
        """The devices that are aside: UUID, reason, and for how many more seconds."""
        for uuid, case in self._cases.items():
            if now < case.until:
                yield uuid, case.reason, case.until - now
