"""A process beside the daemon that checks the outbox continuously, as its users see it."""

import json
import os
import signal
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.crash.worker import is_whole

PAUSE_SECONDS = 0.001

Seen = set[tuple[str, int, int]]
"""The files that were checked: path, inode, size in bytes."""


@dataclass(frozen=True, slots=True)
class WitnessReport:
    """What the witness found."""

    looks: int
    """Number of times that it listed the outbox."""
    files: int
    """Number of files that it saw appear."""
    wrong: tuple[str, ...]
    """The faults that it found."""


@contextmanager
def watching(outbox: Path, notes: Path) -> Iterator[None]:
    """Watch the outbox while the block runs; ``notes_of(notes)`` then returns the findings."""
    child = os.fork()
    if child == 0:
        try:
            _watch(outbox, notes)
        finally:
            os._exit(0)
    while not notes.exists():
        time.sleep(PAUSE_SECONDS)
    try:
        yield
    finally:
        time.sleep(10 * PAUSE_SECONDS)
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


def notes_of(notes: Path) -> WitnessReport:
    """Return what the witness wrote to the file ``notes``."""
    return WitnessReport(**json.loads(notes.read_text()))


def _watch(outbox: Path, notes: Path) -> None:
    signals: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: signals.append(number))
    notes.touch()
    seen: Seen = set()
    wrong: list[str] = []
    looks = 0
    while not signals:
        wrong.extend(find_faults(outbox, seen))
        looks += 1
        time.sleep(PAUSE_SECONDS)
    notes.write_text(json.dumps({"looks": looks, "files": len(seen), "wrong": wrong}))


def find_faults(outbox: Path, seen: Seen) -> Iterator[str]:
    """Yield the faults of new or changed files in the outbox, and add the files to ``seen``."""
    for path in sorted(outbox.rglob("*")) if outbox.is_dir() else ():
        # A file that disappeared belonged to a result that was renamed, since its name was taken.
        with suppress(FileNotFoundError):
            status = path.stat()
            version = (str(path), status.st_ino, status.st_size)
            if not path.is_dir() and version not in seen:
                seen.add(version)
                yield from _faults(path)


def _faults(path: Path) -> Iterator[str]:
    if path.name.startswith("."):
        return
    if not _whole(path):
        yield f"{path.name} was seen unfinished"
    if path.suffix == ".mp4" and not path.with_suffix(".json").exists():
        yield f"{path.name} was seen before its report"


def _whole(path: Path) -> bool:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    data = path.read_bytes()
    if path.suffix != ".json":
        return is_whole(data)
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False
