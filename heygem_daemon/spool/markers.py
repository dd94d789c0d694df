"""Ready markers: what is one, and their deletion with the claim of what they belong to.

Anybody may drop a file whose name is that of another user's marker. So a name alone does not make
a file a marker that the daemon may delete.
"""

import os
import stat
from collections.abc import Collection
from pathlib import Path

from heygem_daemon.spool.files import FileOperations
from heygem_daemon.system import paths

MAX_MARKER_BYTES = 4096
"""A longer ``.ready`` file is not a marker. Markers are deleted with the claim, and a file with
content must not be lost."""


def is_marker(status: os.stat_result) -> bool:
    """Return whether a ``.ready`` file with the lstat ``status`` is a marker."""
    return stat.S_ISREG(status.st_mode) and status.st_size <= MAX_MARKER_BYTES


def remove_marker(files: FileOperations, path: Path, owners: Collection[int]) -> None:
    """Delete the marker at ``path``, if one of the users ``owners`` dropped it. Anything else that
    has its name stays, since it belongs to somebody else. Raises OSError."""

    def counts(status: os.stat_result) -> bool:
        return is_marker(status) and status.st_uid in owners

    if paths.exists(path):  # False for a name that is too long to be a file's
        files.remove_file_if(path, counts)
