"""The pages in the outbox of each hot folder, as files.

Whoever uses a hot folder can write to its outbox: delete the pages, put links, pipes or folders in
their place, or exchange the outbox itself. So each step works in a descriptor of the folder that
the daemon made, replaces what has the name of a page without opening it, and deletes nothing but
files of the daemon's own user.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.batch.journal import OwnFolder
from heygem_daemon.spool.layout import PAGE_NAMES, SpoolLayout
from heygem_daemon.system import paths

MODE = 0o644
"""Permissions of a page, less the umask: as those of a result."""


class FolderPages:
    """The pages in the outboxes of the hot folders of one spool. Raises OSError, and
    SpoolUnavailable where an outbox is not the folder that the daemon made."""

    def __init__(self, layout: SpoolLayout, find_made: Callable[[], dict[str, OwnFolder]]) -> None:
        """``find_made`` returns the identity of the outbox of each hot folder, of now or of an
        earlier configuration, by its name."""
        self._layout = layout
        self._find_made = find_made
        self._made: dict[str, OwnFolder] = {}

    def write(self, folder: str, name: str, data: bytes) -> None:
        """Put a page into the outbox of a hot folder, in place of what has its name."""
        with self._outbox(folder) as handle:
            path = self._layout.in_folder(folder).outbox / name
            temporary = f".{name}.tmp"
            paths.write_in(handle, path, data, temporary_name=temporary, durable=False, mode=MODE)

    def changed_ns(self, folder: str) -> int:
        """Return when a name in the outbox last came or went, in nanoseconds; 0: not known."""
        with suppress(OSError, SpoolUnavailable), self._outbox(folder) as handle:
            return os.stat(".", dir_fd=handle).st_mtime_ns
        return 0

    def remove(self, folder: str) -> None:
        """Remove the pages of a hot folder, as far as they are the daemon's."""
        with suppress(SpoolUnavailable, FileNotFoundError), self._outbox(folder) as handle:
            for name in PAGE_NAMES:
                with suppress(FileNotFoundError):
                    status = os.stat(name, dir_fd=handle, follow_symlinks=False)
                    if _is_page(status):
                        os.unlink(name, dir_fd=handle)

    def remove_plain(self) -> None:
        """Remove the pages from the spool's root."""
        for name in PAGE_NAMES:
            with suppress(FileNotFoundError):
                paths.remove_file_if(self._layout.root / name, _is_page)

    def folders(self) -> frozenset[str]:
        """Return the hot folders, of now or of an earlier configuration, that have an outbox."""
        self._made = self._find_made()
        return frozenset(self._made)

    @contextmanager
    def _outbox(self, folder: str) -> Iterator[int]:
        """Yield a descriptor of the outbox of a hot folder."""
        path = self._layout.in_folder(folder).outbox
        handle = paths.open_folder(path)
        try:
            if not self._is_own(folder, os.fstat(handle)):
                raise SpoolUnavailable(f"{path} is not the folder that the daemon made")
            yield handle
        finally:
            os.close(handle)

    def _is_own(self, folder: str, status: os.stat_result) -> bool:
        found = OwnFolder.of(status)
        if self._made.get(folder) != found:
            self._made = self._find_made()  # it may have been made since
        return self._made.get(folder) == found


def _is_page(status: os.stat_result) -> bool:
    """Return whether what has the name of a page may be one: a file of the daemon's user."""
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
