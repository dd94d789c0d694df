"""A process beside the daemon that checks the outbox continuously, as its users see it."""

import ctypes
import json
import os
import select
import signal
import time
import traceback
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.crash.worker import is_whole

PAUSE_SECONDS = 0.001

NOTE_END = "this file disappears by itself.\n"
"""The end of what tells how far a job is."""

LOOK_SECONDS = 0.1
"""It also looks this often while the kernel reports no change."""

_CHANGES = 0x2 | 0x8 | 0x80 | 0x100
"""IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE of inotify(7)."""

Seen = set[tuple[str, int, int]]
"""The files that were checked: path, inode, size in bytes."""

PAGES = ("status.html", "status.txt")
"""The status page of a hot folder, in its folder of the outbox. It belongs to no job."""

PAGE_ENDS = {".html": b"</html>"}


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
        except Exception:  # noqa: BLE001 - whatever it is, nobody watched from then on
            _write(notes, WitnessReport(0, 0, (traceback.format_exc(),)))
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
    changes = _Changes(outbox)
    changes.follow()
    notes.touch()
    seen: Seen = set()
    wrong: list[str] = []
    looks = 0
    ended = False
    while not ended:
        ended = bool(signals)
        changes.follow()
        wrong.extend(find_faults(outbox, seen))
        looks += 1
        if not ended:
            changes.wait(LOOK_SECONDS)
    _write(notes, WitnessReport(looks, len(seen), tuple(wrong)))


def _write(notes: Path, report: WitnessReport) -> None:
    notes.write_text(json.dumps(asdict(report)))


def _below(folder: Path) -> Iterator[Path]:
    """Yield all files and folders below ``folder``. A folder that disappears meanwhile, as that of
    a batch that was purged, has none, where ``Path.rglob`` would raise."""
    for path, folders, files in os.walk(folder):
        yield from (Path(path, name) for name in (*folders, *files))


class _Changes:
    """The kernel's reports of changes in a folder, in those below it, and beside it: the folder
    may not exist yet. Looking without end instead would take the processor from the daemon."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")

    def follow(self) -> None:
        """Follow all folders that exist now. What came into one before is found by a look."""
        inner = [path for path in _below(self._folder) if path.is_dir()]
        for path in (self._folder.parent, self._folder, *inner):
            self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), _CHANGES)

    def wait(self, seconds: float) -> None:
        """Wait for a change, at most ``seconds``."""
        if select.select([self._descriptor], [], [], seconds)[0]:
            os.read(self._descriptor, 1 << 16)


def find_faults(outbox: Path, seen: Seen) -> Iterator[str]:
    """Yield the faults of new or changed files in the outbox, and add the files to ``seen``."""
    for path in sorted(_below(outbox)):
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
    if path.name in PAGES:
        if not path.read_bytes().rstrip().endswith(PAGE_ENDS.get(path.suffix, b"")):
            yield f"{path.name} was seen unfinished"
        return
    if path.name.endswith(".rendering.txt"):
        if not path.read_text().endswith(NOTE_END):
            yield f"{path.name} was seen unfinished"
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
