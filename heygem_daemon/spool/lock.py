"""The lock that gives a spool one owner. The kernel releases it when the process ends."""

import contextlib
import fcntl
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.errors import SpoolBusy, SpoolUnavailable
from heygem_daemon.spool.reason import format_time
from heygem_daemon.system import paths

MAX_OWNER_BYTES = 1000
"""More of a lock's file is not read."""

_TRIES = 5
_PAUSE_SECONDS = 0.05
"""Pause between tries. ``lock_holder`` takes the lock for a moment, which must not make a starting
daemon fail."""

_TOKEN = re.compile(r" \([0-9a-f]+\)\s*$")
_HOLDER = re.compile(r"process (\d{1,9}) on (\S+), since ")


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock that this process took."""

    path: Path

    handle: int
    """The descriptor of the locked file."""

    owner: str
    """The line that was written into the file: no other owner writes the same one."""

    def is_in_place(self) -> bool:
        """Return whether the locked file is still the one at its path.

        It is not if another disk was mounted over it, if its share was mounted again, or if
        somebody removed it.
        """
        try:
            held = os.fstat(self.handle)
        except OSError:  # the share is gone for good
            return False
        try:
            return os.path.samestat(held, paths.lstat(self.path))
        except FileNotFoundError:
            return False

    def require(self) -> None:
        """Raise SpoolBusy if another daemon has taken the lock over.

        A file server takes the lock from a machine that it does not reach for a while, and gives it
        to another one; the first machine is not told.
        """
        if (found := self._read_owner()) != self.owner:
            owner = _without_token(found)
            raise SpoolBusy(
                f"Another daemon has taken over this spool: {owner}. This one changes nothing in it"
                " any more."
            )

    def _read_owner(self) -> str:
        """Return the owner that the file names. Over NFS an open file may show what it held before,
        so it is opened anew (close-to-open consistency: nfs(5))."""
        try:
            with paths.reader(self.path) as file:
                # Not so on another disk or share: see is_in_place.
                if os.path.samestat(os.fstat(file.fileno()), os.fstat(self.handle)):
                    return file.read(MAX_OWNER_BYTES).decode(errors="replace")
        except OSError:  # gone, or not to be read now: whoever uses the spool next finds out
            pass
        return self.owner


@contextlib.contextmanager
def hold_lock(path: Path, now: float) -> Iterator[HeldLock]:
    """Lock the file at ``path`` and write the owner into it.

    ``now`` is in seconds since the epoch. Raises SpoolBusy if another process holds the lock, and
    SpoolUnavailable if the file system does not support locks.
    """
    handle = paths.open_file(path, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(handle, "r+") as file:
        _acquire(handle, path)
        file.truncate(0)
        token = secrets.token_hex(4)
        since = format_time(now)
        owner = f"process {os.getpid()} on {socket.gethostname()}, since {since} ({token})\n"
        file.write(owner)
        file.flush()
        held = HeldLock(path, handle, owner)
        try:
            yield held
        finally:
            with contextlib.suppress(OSError, SpoolBusy):
                held.require()
                file.truncate(0)


def lock_holder(path: Path) -> str | None:
    """Return a description of the process that holds the lock; None if none does."""
    try:
        with paths.reader(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_holder(path)
    except OSError:
        return None
    return None


def holder_process(description: str) -> int:
    """Return the id of the process in a description by ``lock_holder``; 0 if it is not known, or
    that of another machine or container."""
    found = _HOLDER.match(description)
    return int(found[1]) if found and found[2] == socket.gethostname() else 0


def _without_token(owner: str) -> str:
    """Return the line of a lock's owner for a person to read."""
    return _TOKEN.sub("", owner).strip() or "an unknown process"


def _acquire(handle: int, path: Path) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if attempt == _TRIES:
                raise SpoolBusy(
                    f"Another daemon works on this spool: {_read_holder(path)}. "
                    "Stop that one first, or use another spool."
                ) from error
            time.sleep(_PAUSE_SECONDS)
        except OSError as error:
            raise SpoolUnavailable(
                f"The file system of the spool does not support locks ({error.strerror}), which "
                "keep two daemons from using it at the same time."
            ) from error
        else:
            return


def _read_holder(path: Path) -> str:
    text = paths.read(path, MAX_OWNER_BYTES).decode(errors="replace")
    return _without_token(text)
