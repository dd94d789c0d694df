"""Keeps what the sidecars of a folder hold."""

from collections.abc import Callable, Iterable
from pathlib import Path

from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.service.item_faults import ItemFaults, is_environment_fault
from heygem_daemon.spool.inbox import FileEntry
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.settle import RETRY_SECONDS
from heygem_daemon.spool.sidecars import refused

ReadSidecar = Callable[[Path], SidecarAnswer | None]
"""Returns what a sidecar holds; None: not known yet."""


class SidecarCache:
    """What the sidecars in a folder hold. Each is read once, and again when it changes.

    ``read`` returns the answer for a file, or None as long as it is not known. A sidecar for which
    it raises is refused; where the disk or machine is at fault, it is read again after
    ``RETRY_SECONDS``. Times are in seconds, by the caller's monotonic clock.
    """

    def __init__(self, read: ReadSidecar, faults: ItemFaults) -> None:
        self._read = read
        self._faults = faults
        self._answers: dict[FileEntry, SidecarAnswer] = {}
        self._retry_at: dict[FileEntry, float] = {}
        """When each sidecar is read again at which the disk or machine was at fault."""

    def keep_only(self, sidecars: Iterable[FileEntry]) -> None:
        """Forget all sidecars but these."""
        kept = frozenset(sidecars)
        self._answers = {each: answer for each, answer in self._answers.items() if each in kept}
        self._retry_at = {each: at for each, at in self._retry_at.items() if each in kept}

    def find(self, sidecar: FileEntry, now: float) -> SidecarAnswer | None:
        """Return what this version of a sidecar holds; None where that is not known at ``now``."""
        if sidecar not in self._answers:
            answer = None if now < self._retry_at.get(sidecar, now) else self._try(sidecar, now)
            if answer is None or answer.version != _version(sidecar):
                return None
            self._answers[sidecar] = answer
        return self._answers[sidecar]

    def _try(self, sidecar: FileEntry, now: float) -> SidecarAnswer | None:
        try:
            return self._read(sidecar.path)
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            reason = self._faults.log(f"inbox/{printable(sidecar.path.name)}", error)
            if not is_environment_fault(error):
                return refused(_version(sidecar), reason)
            self._retry_at[sidecar] = now + RETRY_SECONDS
            return None


def _version(entry: FileEntry) -> FileVersion:
    return FileVersion(inode=entry.inode, size=entry.size, mtime_ns=entry.mtime_ns)
