"""Finds the files of requests, and clears them away.

Anybody who may write to the inbox may have made such a file. A short one is read to see whether it
is blank, others are not opened; it is deleted only while it is the one that was looked at.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.deciders import dropped_by
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.request_names import parse_request_name
from heygem_daemon.spool.requests import (
    MAX_BLANK_BYTES,
    MAX_REQUEST_BYTES,
    Request,
    is_blank,
)
from heygem_daemon.system import paths


@dataclass(frozen=True, slots=True)
class RequestFile:
    """A request, and the file that it came as."""

    request: Request
    path: Path
    inode: int

    options: Path | None = None
    """The file with the options that come with a retry: the request itself, or that of a command;
    None: there are none."""

    @property
    def is_command(self) -> bool:
        """Whether a command asks, which waits for the answer."""
        return self.request.folder is None

    @property
    def key(self) -> tuple[str, int, int, int]:
        """What distinguishes it from another request, also from a later one of its name."""
        return str(self.path), self.inode, self.request.asked_ns, self.request.size

    def is_this(self, status: os.stat_result) -> bool:
        """Return whether a file with the lstat ``status`` is still this one, unchanged."""
        found = (status.st_ino, status.st_ctime_ns, status.st_size)
        return found == (self.inode, self.request.asked_ns, self.request.size)


def is_request_file(status: os.stat_result) -> bool:
    """Return whether a file with the lstat ``status`` may be a request. One with several names may
    be another user's: its owner says nothing about who gave it this name."""
    is_short = status.st_size <= MAX_REQUEST_BYTES
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and is_short


def find_requests(inbox: Path, names: Iterable[str], folder: str = "") -> list[RequestFile]:
    """Return the requests among the files ``names`` of ``inbox``. ``folder``: the hot folder that
    ``inbox`` is; empty: none."""
    return list(_requests_in(inbox, names, folder))


def clear_request(files: FileOperations, found: RequestFile) -> None:
    """Delete the file of a request that has been carried out. Another one that took its name stays.
    Raises OSError."""
    files.remove_file_if(found.path, found.is_this)


def _requests_in(inbox: Path, names: Iterable[str], folder: str) -> Iterator[RequestFile]:
    for name in names:
        parsed, path = parse_request_name(name), inbox / name
        try:
            status = paths.lstat(path)
        except OSError:  # It is gone, or a link took its place.
            continue
        if parsed is None or not is_request_file(status):
            continue
        stem, verb = parsed
        request = Request(
            verb=verb,
            name=stem,
            shown=printable(f"{folder}/{name}" if folder else name),
            owner=dropped_by(status),
            asked_ns=status.st_ctime_ns,
            folder=folder,
            size=status.st_size,
            is_blank=_is_blank(path, status),
        )
        options = path if status.st_size and verb == "retry" else None
        yield RequestFile(request, path, status.st_ino, options)


def _is_blank(path: Path, status: os.stat_result) -> bool:
    """Return whether a file with the lstat ``status`` holds nothing but blanks."""
    if not 0 < status.st_size <= MAX_BLANK_BYTES:
        return False
    try:
        return is_blank(paths.read(path, MAX_BLANK_BYTES + 1))
    except OSError:  # It is gone, or nobody but its owner may read it.
        return False
