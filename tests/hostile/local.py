"""A hostile user of this machine, with the rights of the group that may use the spool."""

import fcntl
import os
import pwd
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.fuzz import media, records, text, trees
from tests.fuzz.ground import USERS_FOLDERS, Ground

PAUSE_SECONDS = 0.2
BURST = 40
"""How many hostile things of a kind are made at once."""

MAX_ENTRIES = 10_000
"""The hostile user makes no more entries in the inbox than these, and then deletes some."""

MAX_HELD = 200
BREACH = "breached"
"""A file of this name shows that the hostile user could write where he must not."""

HEAVY_BYTES = 3_000_000
BATCH_MEMBERS = 200

Attack = Callable[[Ground, random.Random, range], None]


def be_hostile_locally(folder: Path, user: str, group: int, seed: int) -> None:
    """Attack as ``user``, for ever."""
    os.setgroups([])
    os.setgid(group)
    os.setuid(pwd.getpwnam(user).pw_uid)
    os.umask(0o002)
    ground, chance, first, held = Ground(folder), random.Random(seed), 0, list[int]()
    attacks: tuple[Attack, ...] = (
        text.attack,
        records.attack,
        media.attack,
        trees.attack_singly,
        valid_pairs,
        heavy_pairs,
        garbage,
        batches,
        touch_for_ever,
        take_results,
        occupy_names,
        block_batches,
    )
    lodgings: list[int] = []
    while True:
        with suppress(OSError):
            chance.choice(attacks)(ground, chance, range(first, first + BURST))
        with suppress(OSError):
            _hold(ground, chance, held)
        with suppress(OSError):
            _lodge(ground, lodgings)
        _limit(ground)
        first += BURST
        time.sleep(PAUSE_SECONDS)


def valid_pairs(ground: Ground, _chance: random.Random, numbers: range) -> None:
    """Drop pairs that are fine, with and without a sidecar that claims the highest priority."""
    for number in numbers:
        if number % 2:
            ground.put(f"inbox/a-{number}.toml", b"priority = 100\n")
        clips = media.clips()
        ground.pair(f"a-{number}", clips["wav"], clips["mp4"] + b"%d" % number)


def heavy_pairs(ground: Ground, _chance: random.Random, numbers: range) -> None:
    """Drop pairs that take a hundred times as long as a small one."""
    for number in numbers[:2]:
        clips = media.clips()
        box = HEAVY_BYTES.to_bytes(4, "big") + b"free" + bytes(HEAVY_BYTES - 8)
        ground.pair(f"a-heavy-{number}", clips["wav"], clips["mp4"] + box)
        # Ten minutes of a sound that is decoded whole.
        ground.pair(f"a-long-{number}", clips["wav"] + bytes(1_000_000), clips["mp4"])


def garbage(ground: Ground, chance: random.Random, numbers: range) -> None:
    """Drop files that are of no use, and many spellings of one name."""
    for number in numbers:
        for suffix in (".wav", ".mp4", ".toml", ".ready", ".docx", ".Mp4", ".wav.part"):
            ground.put(f"inbox/g-{number}{suffix}", chance.randbytes(20))


def batches(ground: Ground, chance: random.Random, numbers: range) -> None:
    """Drop one large folder, and many small ones."""
    for member in range(BATCH_MEMBERS):
        for suffix in ("wav", "mp4"):
            content = media.clips()[suffix]
            ground.put(f"inbox/b-{numbers.start}/{member}.{suffix}", content)
    for number in numbers:
        ground.put(f"inbox/c-{number}/x.wav", chance.randbytes(30))
        ground.put(f"inbox/c-{number}/job.toml", b"priority = 100\n")


def touch_for_ever(ground: Ground, _chance: random.Random, _numbers: range) -> None:
    """Change the times of everything that is one's own in the inbox."""
    with os.scandir(ground.spool / "inbox") as entries:
        for entry in entries:
            with suppress(OSError):
                os.utime(entry.path, follow_symlinks=False)


def take_results(ground: Ground, chance: random.Random, _numbers: range) -> None:
    """Delete, rename and replace what is in outbox/, done/ and failed/, and try it in inbox/."""
    for place in USERS_FOLDERS:
        names = os.listdir(ground.spool / place)  # noqa: PTH208
        for name in chance.sample(names, min(BURST, len(names))):
            path = ground.spool / place / name
            with suppress(OSError):
                if chance.random() < 0.5:
                    path.rename(path.with_name(f"taken-{name}"))
                elif path.is_dir() and not path.is_symlink():
                    for inner in path.iterdir():
                        inner.unlink()
                    path.rmdir()
                else:
                    path.unlink()
            with suppress(OSError):
                path.write_bytes(b"replaced")
    for place in USERS_FOLDERS:
        with suppress(OSError):
            (ground.spool / place).rename(ground.spool / f"{place}-old")
        with suppress(OSError):
            (ground.spool / place).symlink_to(ground.outside)


def occupy_names(ground: Ground, chance: random.Random, _numbers: range) -> None:
    """Take names that the honest user's files and results will want."""
    for number in range(10):
        for place in USERS_FOLDERS[1:]:
            suffix = chance.choice(("", ".mp4", ".json", ".png"))
            target = ground.spool / place / f"honest-{number}{suffix}"
            with suppress(OSError):
                if chance.random() < 0.4:
                    target.symlink_to(chance.choice(("/", "/etc/passwd", "missing", "..")))
                elif chance.random() < 0.5:
                    target.mkdir()
                else:
                    target.write_bytes(b"hostile")


def block_batches(ground: Ground, chance: random.Random, _numbers: range) -> None:
    """Put a folder, a link, a pipe or a file that nobody may open in the place of what lies in the
    folders of batches."""
    things: tuple[Callable[[Path], object], ...] = (
        lambda path: (path / "x").mkdir(parents=True),
        lambda path: path.symlink_to(path.name),
        lambda path: path.touch(0),
        os.mkfifo,
    )
    for place in ("outbox", "failed"):
        found = [*(ground.spool / place).glob("*/*")]
        for path in chance.sample(found, min(10, len(found))):
            with suppress(OSError):
                path.rename(path.with_name(f"taken-{path.name}"))
                chance.choice(things)(path)


def _lodge(ground: Ground, lodgings: list[int]) -> None:
    """Stay in one's own folders, and write beside them once they are in processing/."""
    if len(lodgings) < MAX_HELD:
        own = (ground.spool / "inbox").glob("b-*")
        lodgings.extend(os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in own)
    for handle in lodgings:
        with suppress(OSError):
            if _is_claimed(handle):
                os.close(os.open(f"../{BREACH}", os.O_WRONLY | os.O_CREAT, dir_fd=handle))
                if not _is_claimed(handle):  # It left processing/ meanwhile, and is open to all.
                    os.unlink(f"../{BREACH}", dir_fd=handle)


def _is_claimed(handle: int) -> bool:
    return "/processing/" in os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115


def _hold(ground: Ground, chance: random.Random, held: list[int]) -> None:
    """Keep one's own files open for writing, or under a lease that delays all who open them."""
    names = os.listdir(ground.spool / "inbox")  # noqa: PTH208
    for name in chance.sample(names, min(5, len(names))):
        with suppress(OSError):
            flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
            handle = os.open(ground.spool / "inbox" / name, flags)
            held.append(handle)
            fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(handle, fcntl.F_SETOWN, 0)
    while len(held) > MAX_HELD:
        os.close(held.pop(0))


def _limit(ground: Ground) -> None:
    ground.items.clear()
    names = os.listdir(ground.spool / "inbox")  # noqa: PTH208
    for name in names[: max(0, len(names) - MAX_ENTRIES)]:
        with suppress(OSError):
            (ground.spool / "inbox" / name).unlink()
