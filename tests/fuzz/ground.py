"""The folders of one round: a spool, and canaries outside of it that nothing may touch."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

SECRET = b"canary-4f1d9c62-do-not-read-this"
USERS_FOLDERS = ("inbox", "outbox", "done", "failed")
MAX_SEARCHED_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Item:
    """Something that a user put into the spool. It must exist at the end, wherever it is."""

    path: str
    """Where it was put, relative to the spool."""
    inode: int
    kind: int
    """Type of the file, the S_IFMT part of its mode."""
    size: int
    """Bytes. The daemon changes no input."""


@dataclass
class Ground:
    """A spool below ``folder``, the items put there, and canaries beside the spool."""

    folder: Path
    items: list[Item] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    """Paths in the spool that the daemon must claim: the jobs end in done/ or failed/."""

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def outside(self) -> Path:
        return self.folder / "outside"

    @property
    def secret(self) -> Path:
        return self.outside / "secret.txt"

    def prepare(self) -> None:
        """Create the users' folders and the canaries."""
        for name in USERS_FOLDERS:
            (self.spool / name).mkdir(parents=True)
        self.make_canaries()

    def make_canaries(self) -> None:
        """Create the canaries alone."""
        for name in ("victim/inputs", "victim/work", "inputs", "empty"):
            (self.outside / name).mkdir(parents=True)
        self.secret.write_bytes(SECRET)
        for name in ("victim.mp4", "victim.json", "victim.png", "inputs/a.wav", "job.json"):
            (self.outside / name).write_bytes(SECRET + name.encode())
            (self.outside / "victim" / name).write_bytes(SECRET + name.encode())

    def put(self, path: str | bytes, content: bytes) -> None:
        """Write a file of a user in the spool, unless its path is taken or impossible."""
        target = os.path.join(os.fsencode(self.spool), os.fsencode(path))  # noqa: PTH118
        with suppress(OSError):
            os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
            with open(target, "xb") as file:  # noqa: PTH123
                file.write(content)
            self.note(target)

    def note(self, target: str | bytes | Path) -> None:
        """Record an item that was just made at an absolute path."""
        status = os.lstat(target)
        relative = os.fsdecode(target).removeprefix(f"{self.spool}/")
        kind = stat.S_IFMT(status.st_mode)
        self.items.append(Item(relative, status.st_ino, kind, status.st_size))

    def pair(self, name: str | bytes, audio: bytes, video: bytes, *, ready: bool = True) -> None:
        """Put a pair into the inbox. ``ready``: with a marker that declares it complete."""
        stem = b"inbox/" + os.fsencode(name)
        self.put(stem + b".wav", audio)
        self.put(stem + b".mp4", video)
        if ready:
            self.mark_ready(stem)

    def mark_ready(self, stem: bytes) -> None:
        """Make a ready marker. It is no item: the daemon deletes it with the claim."""
        with suppress(OSError):
            Path(os.fsdecode(os.fsencode(self.spool) + b"/" + stem + b".ready")).touch()

    def canaries(self) -> dict[str, tuple[int, int, int, str]]:
        """Return inode, mode, mtime and digest of everything outside of the spool."""
        found = {}
        for path in sorted((self.outside, *self.outside.rglob("*"))):
            status = path.lstat()
            data = path.read_bytes() if path.is_file() else b""
            digest = hashlib.sha256(data).hexdigest()
            found[str(path)] = (status.st_ino, status.st_mode, status.st_mtime_ns, digest)
        return found

    def lost(self) -> Iterator[str]:
        """Yield the items that are nowhere in the spool any more, or changed."""
        present = {
            (status.st_ino, stat.S_IFMT(status.st_mode), status.st_size)
            for _, status in walk(self.spool)
        }
        for item in self.items:
            if (item.inode, item.kind, item.size) not in present:
                yield f"lost or changed: {item.path!r}"

    def leaks(self) -> Iterator[str]:
        """Yield the files in the spool that hold a canary's content."""
        for path, status in walk(self.spool):
            if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_SEARCHED_BYTES:
                with open(path, "rb") as file:  # noqa: PTH123
                    if SECRET in file.read():
                        yield f"the content of a file outside is in {path!r}"


def walk(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield path and lstat of everything below a folder, however deep, without following links."""
    waiting = [str(folder)]
    while waiting:
        parent = waiting.pop()
        with suppress(OSError), os.scandir(parent) as entries:
            for entry in entries:
                with suppress(OSError):
                    yield entry.path, entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
