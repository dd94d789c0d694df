"""What stays where ended jobs were deleted: files that people have put there or changed.

Only what is as a record describes it is the daemon's, and is deleted (see ``spool/records.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from heygem_daemon.spool.layout import SpoolLayout, names_in
from heygem_daemon.spool.names import fold, natural_key
from heygem_daemon.spool.records import AnyRecord, BatchRecord, RecordedFolder
from heygem_daemon.system import paths


@dataclass(frozen=True, slots=True)
class Removed:
    """What a deletion has done."""

    gone: list[Path] = field(default_factory=list)
    """The deleted paths."""

    left: list[Path] = field(default_factory=list)
    """What people have put there or changed: it stays."""


class LeftFiles:
    """Collects where the deleted records had their files, and finds what is there afterwards."""

    def __init__(self, layout: SpoolLayout, name: str) -> None:
        """``name``: what is deleted, as it was asked for."""
        self._layout = layout
        self._name = fold(name)
        self._folders: dict[Path, RecordedFolder] = {}
        self._changed: dict[Path, None] = {}

    def note(self, record: AnyRecord) -> None:
        """Take a record, of which all was deleted that is the daemon's."""
        for folder in record.folders:
            # The folder around a member that is deleted alone also has what failed besides it.
            is_own = isinstance(record, BatchRecord) or fold(record.title) != self._name
            if is_own or folder.path == record.location:
                self._folders[self._layout.root.joinpath(*folder.path)] = folder
        files = (self._layout.root.joinpath(*file.path) for file in record.files)
        self._changed |= dict.fromkeys(path for path in files if paths.exists(path))

    def find(self) -> list[Path]:
        """Return what is left, in the order in which people read names. Raises OSError."""
        found = {*self._changed, *self._in_folders()}
        return sorted(found, key=lambda path: (path.name.startswith("."), natural_key(str(path))))

    def _in_folders(self) -> Iterator[Path]:
        for path, folder in self._folders.items():
            if folder.find(self._layout) is not None:
                inner = (path / name for name in names_in(path))
                yield from (each for each in inner if each not in self._folders)
