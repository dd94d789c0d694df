"""The jobs that end from some moment on, for somebody who waits for one of them."""

from collections.abc import Callable
from pathlib import Path

from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.batch.record import batch_record_of
from heygem_daemon.spool.files import faults_of, is_folder
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.layout import Layout, names_in
from heygem_daemon.spool.records import record_of

ANYWAY_SECONDS = 5.0
"""A folder is listed again after so long even if its mtime stands still: that is too coarse to
tell two changes within a few milliseconds apart."""


class Endings:
    """Watches done/ and failed/ for what comes into them; cheap with a hundred thousand there.

    ``clock`` gives monotonic seconds. Raises SpoolUnavailable.
    """

    def __init__(self, layout: Layout, clock: Callable[[], float]) -> None:
        self._root = layout.root
        self._folders = [_Watched(path, clock) for path in (layout.done, layout.failed)]
        with faults_of(self._root):
            for folder in self._folders:
                folder.arrivals()

    def new(self) -> list[Journal]:
        """The jobs that have ended since the last call, or since the beginning.

        Raises SpoolUnavailable.
        """
        with faults_of(self._root):
            paths = [path for folder in self._folders for path in folder.arrivals()]
            found = [record_of(path) for path in paths]
        return [record.journal for record in found if record is not None]

    def new_batches(self) -> list[Batch]:
        """The same for batches. Whoever waits for one asks for nothing else."""
        with faults_of(self._root):
            paths = [path for folder in self._folders for path in folder.arrivals()]
            found = [batch_record_of(path) for path in paths]
        return [record.batch for record in found if record is not None]


class _Watched:
    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._changed = 0
        self._listed = -ANYWAY_SECONDS
        self._names: frozenset[str] = frozenset()

    def arrivals(self) -> list[Path]:
        """The folders that are new. They come by one rename each, and so are complete."""
        if not is_folder(self._path):
            return []
        now, changed = self._clock(), self._path.lstat().st_mtime_ns
        if changed == self._changed and now - self._listed < ANYWAY_SECONDS:
            return []
        names = frozenset(names_in(self._path))
        new = names - self._names
        self._changed, self._listed, self._names = changed, now, names
        return [self._path / name for name in new]
