"""Keeps what the sidecars of a folder hold."""

from collections.abc import Callable, Iterable
from pathlib import Path

from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.service.item_faults import ItemFaults, is_environment_fault
from heygem_daemon.spool.inbox import FileEntry
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.sidecars import refused

ReadSidecar = Callable[[Path], SidecarAnswer | None]
"""Returns what a sidecar holds; None: not known yet."""


class SidecarCache:
    """What the sidecars in a folder hold. Each is read once, and again when it changes.

    ``read`` returns the answer for a file, or None as long as it is not known. A sidecar for which
    it raises is refused; where the disk or machine is at fault, it is read again.
    """

    def __init__(self, read: ReadSidecar, faults: ItemFaults) -> None:
        self._read = read
        self._faults = faults
        self._answers: dict[FileEntry, SidecarAnswer] = {}

    def keep_only(self, sidecars: Iterable[FileEntry]) -> None:
        """Forget all sidecars but these."""
        self._answers = {each: self._answers[each] for each in sidecars if each in self._answers}

    def find(self, sidecar: FileEntry) -> SidecarAnswer | None:
        """Return what this version of a sidecar holds; None where that is not known yet."""
        if sidecar not in self._answers:
            answer = self._read_safely(sidecar)
            if answer is None or answer.version != _version(sidecar):
                return None
            self._answers[sidecar] = answer
        return self._answers[sidecar]

    def _read_safely(self, sidecar: FileEntry) -> SidecarAnswer | None:
        try:
            return self._read(sidecar.path)
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            reason = self._faults.log(f"inbox/{printable(sidecar.path.name)}", error)
            return None if is_environment_fault(error) else refused(_version(sidecar), reason)


def _version(entry: FileEntry) -> FileVersion:
    return FileVersion(inode=entry.inode, size=entry.size, mtime_ns=entry.mtime_ns)
