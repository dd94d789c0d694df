"""A process beside the daemon that looks at the outbox all the time, as its users do."""

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
"""The files that were looked at: path, inode, size in bytes."""


@dataclass(frozen=True, slots=True)
class Testimony:
    """How many ``files`` the witness saw appear, in how many ``looks``, and what was wrong."""

    looks: int
    files: int
    wrong: tuple[str, ...]


@contextmanager
def watching(outbox: Path, notes: Path) -> Iterator[None]:
    """Watch while the block runs; then ``notes_of(notes)`` tells."""
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


def notes_of(notes: Path) -> Testimony:
    """What the witness wrote down."""
    return Testimony(**json.loads(notes.read_text()))


def _watch(outbox: Path, notes: Path) -> None:
    over: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: over.append(number))
    notes.touch()
    seen: Seen = set()
    wrong: list[str] = []
    looks = 0
    while not over:
        wrong.extend(look(outbox, seen))
        looks += 1
        time.sleep(PAUSE_SECONDS)
    notes.write_text(json.dumps({"looks": looks, "files": len(seen), "wrong": wrong}))


def look(outbox: Path, seen: Seen) -> Iterator[str]:
    """What is wrong with the files that are new in the outbox or changed since."""
    for path in sorted(outbox.rglob("*")) if outbox.is_dir() else ():
        # A file that is gone again was a result's that gave way to another of its name.
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
