"""The inputs of a job must stay what they were while it is rendered.

Nobody can reach a claimed file by its name there. But a program that opened it before may still
write, and so may whoever has another hard link to it.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from heygem_daemon.errors import BadInput, EnvironmentFault, Interrupted
from heygem_daemon.media.regular_file import checksum
from heygem_daemon.system import paths

Version = tuple[int, int, int]
"""Inode, size in bytes, and time of the last change in nanoseconds."""
StrictVersion = tuple[int, int, int, int, int]
"""Device, inode, size in bytes, and the times at which content and inode last changed, in
nanoseconds. Nobody but root can set the last one."""

TICK_SECONDS = 0.02
"""Longer than the steps in which the kernel's clock for files goes on, at most 10 ms."""
POLL_SECONDS = 0.5


class InputWatch:
    """Tells whether the content of a job's files is proven to be the same since ``begin``.

    What is made from the files may enter a cache that other jobs use only if it is. This is more
    than ``require_unchanged`` asks for: the time of the inode also changes where a file gets a name
    or loses one, as when a job of another hard link ends. That harms no job, and costs an entry.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._before: list[StrictVersion | None] = [None]

    def begin(self, step: Callable[[], None] = lambda: None) -> None:
        """Note the files' versions; nothing may be read from them before. ``step`` is called now
        and then; what it raises ends the waiting.

        Pages that a program has mapped and changed are written to the disk first: only then does
        the kernel note the next change of the page. Then a tick passes, so that a later change has
        a later time.
        """
        synced: list[Path] = []
        thread = threading.Thread(target=_sync, args=(self._files, synced), daemon=True)
        thread.start()
        while thread.is_alive():
            step()
            thread.join(POLL_SECONDS)
        if len(synced) == len(self._files):
            self._before = [_strict_version(file) for file in self._files]
            time.sleep(TICK_SECONDS)

    @property
    def version(self) -> str | None:
        """What the files' versions are at ``begin``, the same on all machines; None: not known.

        Without the number of the device, which each machine has its own of.
        """
        return None if None in self._before else repr([each[1:] for each in self._before if each])

    def is_proven(self) -> bool:
        """Return whether no file changed since ``begin``; False where that cannot be told."""
        return None not in self._before and self._before == [
            _strict_version(file) for file in self._files
        ]


@contextmanager
def require_unchanged(files: Sequence[Path]) -> Iterator[InputWatch]:
    """Raise BadInput if one of ``files`` changes inside the block, which gets their watch.

    This takes the place of any other error inside the block, which may only follow from the change.
    A refusal, a stop and a fault of the environment stay what they are. A file that is not there
    any more counts as unchanged: a lost share looks the same.
    """
    before = {file: _version(file) for file in files}
    try:
        yield InputWatch(files)
    except (BadInput, EnvironmentFault, Interrupted):
        raise
    except Exception as error:
        _refuse_changed(before, error)
        raise
    _refuse_changed(before, None)


def require_hashes(hashes: Mapping[Path, str], step: Callable[[], None]) -> None:
    """Raise BadInput if a file has not its SHA-256, as where its time was set back after a change.

    ``step``: as in ``checksum``.
    """
    for file, expected in hashes.items():
        if checksum(file, step) != expected:
            raise _changed(file)


def _refuse_changed(before: dict[Path, Version | None], cause: Exception | None) -> None:
    for file, version in before.items():
        now = _version(file)
        if version is not None and now is not None and now != version:
            raise _changed(file) from cause


def _changed(file: Path) -> BadInput:
    return BadInput(
        f"{file.name} was changed while it was rendered.",
        "Wait until the program that writes the file has finished, and drop it again.",
    )


def _version(file: Path) -> Version | None:
    """Return the version of ``file``; None where it cannot be told."""
    try:
        found = file.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _strict_version(file: Path) -> StrictVersion | None:
    try:
        found = file.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _sync(files: Sequence[Path], synced: list[Path]) -> None:
    """Add each file to ``synced`` whose changed pages are on the disk."""
    for file in files:
        try:
            handle = paths.open_file(file)
        except OSError:
            continue  # It is reported where it is read.
        try:
            os.fsync(handle)
            synced.append(file)
        except OSError:
            pass
        finally:
            os.close(handle)
