"""Finds what has not ended of the jobs that requests name, wherever it is."""

from collections.abc import Collection, Iterator
from contextlib import suppress

from heygem_daemon.service.batches import BatchTracker
from heygem_daemon.service.claims import Claims
from heygem_daemon.service.dispatch import Dispatcher
from heygem_daemon.service.targets import Arriving, TargetIndex, find_targets
from heygem_daemon.spool.names import fold, pair_key
from heygem_daemon.spool.requests import full_name
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system import paths


class TargetSearch:
    """Looks into the inboxes, and at what is claimed."""

    def __init__(
        self, spool: Spool, claims: Claims, dispatcher: Dispatcher, batches: BatchTracker
    ) -> None:
        self._spool = spool
        self._claims = claims
        self._dispatcher = dispatcher
        self._batches = batches

    def find(self, wanted: Collection[str]) -> TargetIndex:
        """Return what has one of the ``wanted`` names, folded and with that of its hot folder."""
        return find_targets(
            self._find_arriving(wanted),
            self._claims.view.ready,
            self._claims.find_incomplete(wanted),
            self._dispatcher.snapshot(),
            self._batches.dropped_names,
        )

    def _find_arriving(self, wanted: Collection[str]) -> Iterator[Arriving]:
        """Yield the files and folders in all inboxes that have one of these names."""
        stuck = self._claims.view.stuck_folders
        for folder, snapshot in self._claims.snapshots.items():
            for entry in snapshot.entries:
                if (key := full_name(fold(folder), pair_key(entry.path.name))) in wanted:
                    yield Arriving(key, entry.owner, folder, entry.path)
            for name in snapshot.folders:
                if (key := full_name(fold(folder), fold(name))) in wanted:
                    with suppress(OSError):
                        path = self._spool.in_folder(folder).inbox / name
                        owner, is_stuck = paths.lstat(path).st_uid, key in stuck
                        yield Arriving(key, owner, folder, path, is_stuck)
