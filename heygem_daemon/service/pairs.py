"""Pairs the files of the inbox up, again whenever something about them becomes known."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from heygem_daemon.service.contents import Contents
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.names import pair_key, printable
from heygem_daemon.spool.ownership import ROOT_ALONE
from heygem_daemon.spool.pairing import MAX_OF_NAME, Pairing, pair_files
from heygem_daemon.spool.settle import RETRY_SECONDS, SettleResult


class InboxPairs:
    """Which files of the inbox belong together. What has not changed is not computed again: ten
    thousand files may wait for days."""

    def __init__(
        self, contents: Contents, faults: ItemFaults, trusted: frozenset[int] = ROOT_ALONE
    ) -> None:
        """``trusted``: the user ids whose sidecars count for everybody's files."""
        self.contents = contents
        self.trusted = trusted
        self._faults = faults
        self._snapshot = FolderSnapshot(())
        self._own_sound: frozenset[Path] = frozenset()
        self._pairing = pair_files(())
        self._unexamined: tuple[FileEntry, ...] = ()
        self._paired_at = 0.0
        self.wanted: frozenset[Path] = frozenset()
        """The files that a job waits for, as far as is known: those with a partner, and those of
        one name that do not tell who they are."""

    def find(self, snapshot: FolderSnapshot, now: float, *, has_news: bool = False) -> Pairing:
        """Return the pairing of a scan at monotonic time ``now``. ``has_news``: whether it has
        become known since the last one what some files hold."""
        before, self._snapshot = self._snapshot, snapshot
        is_same = (snapshot.entries, snapshot.sidecars) == (before.entries, before.sidecars)
        # What could not be paired is tried again: memory may have been short.
        is_due = bool(self._pairing.faulty) and now - self._paired_at >= RETRY_SECONDS
        if has_news or not is_same or is_due:
            self._paired_at = now
            self._update()
        return self._pairing

    def with_own_sound(self, sidecars: Iterable[Path]) -> Pairing:
        """Return the pairing of the same scan, now that these are known to be the ``sidecars`` that
        make a video speak with its own sound."""
        own_sound = frozenset(sidecars)
        if own_sound != self._own_sound:
            self._own_sound = own_sound
            self._update()
        return self._pairing

    def examine(self, settling: SettleResult) -> list[FileEntry]:
        """Have those settled files examined, and return them, that have a partner or may have one,
        and of which it is not known what they hold: a marker settles them without a probe."""
        found = [entry for entry in self._unexamined if entry.path in settling.settled]
        for entry in found:
            try:
                self.contents.examine(entry)
            except Exception as error:  # noqa: BLE001 - concerns this item alone
                self._log(entry, error)
        return found

    def _update(self) -> None:
        # Where the files have become no others, what follows from their pairing need not be found
        # anew: the same object stays.
        if (pairing := self._pair_files()) != self._pairing:
            self._pairing = pairing
        paired = {path for pair in self._pairing.pairs for path in (pair.audio, pair.video)}
        in_pairs = [entry for entry in self._snapshot.entries if entry.path in paired]
        unknown = (*self._pairing.unexamined, *self.contents.find_unknown(in_pairs))
        self._unexamined = tuple(dict.fromkeys(unknown))
        # Thousands of files without a partner may wait to be checked. No job waits for them.
        self.wanted = frozenset(paired | {entry.path for entry in self._pairing.unexamined})
        self.contents.prefer(self.wanted)

    def _pair_files(self) -> Pairing:
        """Pair the files up, without the groups of one name that cannot be handled even alone."""
        entries, sidecars = self._snapshot.entries, self._snapshot.sidecars
        try:
            return self._pair(entries, sidecars)
        except Exception as error:  # noqa: BLE001 - concerns some item alone
            self._faults.log("the pairs of the inbox", error)
        faulty = list(self._find_faulty((*entries, *sidecars)))
        left_out = set(faulty)
        pairing = self._pair(
            [each for each in entries if each not in left_out],
            [each for each in sidecars if each not in left_out],
        )
        return replace(pairing, faulty=tuple(faulty))

    def _find_faulty(self, files: Iterable[FileEntry]) -> Iterator[FileEntry]:
        """Yield the files of the groups of one name that cannot be paired even alone."""
        groups: defaultdict[str, list[FileEntry]] = defaultdict(list)
        for each in files:
            try:
                groups[pair_key(each.path.name)].append(each)
            except Exception as error:  # noqa: BLE001 - concerns this item alone
                self._log(each, error)
                yield each
        for group in groups.values():
            try:
                self._pair(
                    [each for each in group if each.kind is not None],
                    [each for each in group if each.kind is None],
                )
            except Exception as error:  # noqa: BLE001 - concerns this group alone
                self._log(group[0], error)
                yield from group

    def _log(self, entry: FileEntry, error: Exception) -> None:
        self._faults.log(f"inbox/{printable(entry.path.name)}", error)

    def _pair(self, entries: Collection[FileEntry], sidecars: Collection[FileEntry]) -> Pairing:
        return pair_files(
            entries, sidecars, self.contents.find, self._own_sound, self.trusted, MAX_OF_NAME
        )
