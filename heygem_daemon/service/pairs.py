"""Pairs the files of the inbox up, again whenever something about them becomes known."""

from collections.abc import Collection, Iterable
from pathlib import Path

from heygem_daemon.service.contents import Contents
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.pairing import Pairing, pair_files
from heygem_daemon.spool.settle import SettleResult


class InboxPairs:
    """Which files of the inbox belong together. What has not changed is not computed again: ten
    thousand files may wait for days."""

    def __init__(self, contents: Contents, faults: ItemFaults) -> None:
        self.contents = contents
        self._faults = faults
        self._snapshot = FolderSnapshot(())
        self._own_sound: frozenset[Path] = frozenset()
        self._pairing = pair_files(())

    def find(self, snapshot: FolderSnapshot) -> Pairing:
        """Return the pairing of a scan."""
        before, self._snapshot = self._snapshot, snapshot
        is_same = (snapshot.entries, snapshot.sidecars) == (before.entries, before.sidecars)
        if self.contents.update(snapshot.entries) or not is_same:
            self._pairing = self._pair_files()
        return self._pairing

    def with_own_sound(self, sidecars: Iterable[Path]) -> Pairing:
        """Return the pairing of the same scan, now that these are known to be the ``sidecars`` that
        make a video speak with its own sound."""
        own_sound = frozenset(sidecars)
        if own_sound != self._own_sound:
            self._own_sound = own_sound
            self._pairing = self._pair_files()
        return self._pairing

    def examine(self, settling: SettleResult) -> None:
        """Have the settled files examined that cannot be paired by their names."""
        self.contents.examine(
            entry for entry in self._pairing.unexamined if entry.path in settling.settled
        )

    def _pair_files(self) -> Pairing:
        """Pair the files up, without those that cannot be handled even alone."""
        entries, sidecars = self._snapshot.entries, self._snapshot.sidecars
        try:
            return self._pair(entries, sidecars)
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            self._faults.log("the pairs of the inbox", error)
            return self._pair(
                list(filter(self._can_be_paired, entries)),
                list(filter(self._can_be_paired, sidecars)),
            )

    def _can_be_paired(self, entry: FileEntry) -> bool:
        is_sidecar = entry.kind is None
        try:
            self._pair([] if is_sidecar else [entry], [entry] if is_sidecar else [])
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            self._faults.log(f"inbox/{printable(entry.path.name)}", error)
            return False
        return True

    def _pair(self, entries: Collection[FileEntry], sidecars: Collection[FileEntry]) -> Pairing:
        return pair_files(entries, sidecars, self.contents.find, self._own_sound)
