"""Devices that have failed, and how long each of them gets no job."""

from collections.abc import Iterator
from dataclasses import dataclass

from heygem_daemon.service.queue import backoff_seconds


@dataclass(frozen=True, slots=True)
class _QuarantinedDevice:
    """A device that has failed."""

    failures: int
    """Failures in a row."""

    until: float
    """Monotonic time at which its quarantine ends."""

    reason: str
    """Why it failed the last time."""


class Quarantine:
    """Excludes a device that has failed, for a time that doubles with each failure in a row: from
    5 seconds to 10 minutes. Then one more job may try it. A device goes by
    its ``DeviceChoice.key``."""

    def __init__(self) -> None:
        self._devices: dict[str | None, _QuarantinedDevice] = {}

    def add(self, key: str | None, reason: str, now: float) -> float | None:
        """Exclude a device, and return for how many seconds. Returns None where it is excluded
        already: two workers that fail for the same reason count once."""
        before = self._devices.get(key)
        if before is not None and now < before.until:
            return None
        failures = before.failures + 1 if before else 1
        self._devices[key] = _QuarantinedDevice(failures, now + backoff_seconds(failures), reason)
        return backoff_seconds(failures)

    def release(self, key: str | None) -> None:
        """End a device's quarantine, and forget its failures, after a job went well there."""
        self._devices.pop(key, None)

    def quarantined(self, now: float) -> Iterator[tuple[str | None, str, float]]:
        """Yield the excluded devices: key, reason, and seconds left."""
        for key, device in self._devices.items():
            if now < device.until:
                yield key, device.reason, device.until - now
