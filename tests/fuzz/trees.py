"""Attacks with the file tree: links, pipes, sockets, devices, odd names, deep and huge folders."""

import itertools
import os
import random
import socket
import stat
from collections.abc import Callable
from contextlib import suppress

from tests.fuzz.ground import Ground

SPELLINGS = 200
DEPTH = 120
HUGE_BATCH = 1_500
"""More members than a batch may have."""

SPARSE_BYTES = 1 << 40
ODD_NAMES = (
    b"\xff\xfe\x80",
    b"new\nline",
    b"carriage\rreturn",
    b"escape\x1b[31mred",
    b"-rf",
    b"--help",
    b" space ",
    b"...",
    b"con",
    b"$(id)`id`;id|id&",
    b"%n%s%x",
    b"{name} {}",
    b"<b>",
    "\u202egnp.exe".encode(),
    b"a" * 251,
    "é".encode() * 125,
    b"\x01\x02\x03",
    b'"quoted"',
    b"back\\slash",
)


def attack(ground: Ground, chance: random.Random, numbers: range) -> None:
    """Put something into the users' folders for each of ``numbers``, and one flood."""
    rare = (_spellings, _huge_batch, _many_files)
    chance.choice(rare)(ground, chance, f"rare-{numbers.start}")
    attack_singly(ground, chance, numbers)


def attack_singly(ground: Ground, chance: random.Random, numbers: range) -> None:
    """Put something into the users' folders for each of ``numbers``."""
    kinds: tuple[Callable[[Ground, random.Random, str], None], ...] = (
        _links,
        _links,
        _pipe,
        _socket,
        _device,
        _odd_name,
        _requests,
        _odd_name,
        _odd_name,
        _exchanged_results,
        _no_rights,
        _sparse,
        _deep,
        _nested,
    )
    for number in numbers:
        with suppress(OSError):
            chance.choice(kinds)(ground, chance, f"tree-{number}")


def _links(ground: Ground, chance: random.Random, name: str) -> None:
    """Make links to files and folders outside, to nothing, and to themselves."""
    targets = (ground.secret, ground.outside, "missing", name, "..", "/dev/zero", "/proc/self/mem")
    place = chance.choice(("inbox", "inbox", "outbox", "done", "failed"))
    for suffix in chance.sample((".mp4", ".wav", ".toml", ".ready", "", ".mp4.ready"), 3):
        link = ground.spool / place / f"{name}{suffix}"
        link.symlink_to(chance.choice(targets))
        ground.note(link)
    if place == "inbox":
        ground.put(f"inbox/{name}.wav", b"sound")


def _requests(ground: Ground, chance: random.Random, name: str) -> None:
    """Ask for what is not there, is hostile itself, or is no file. The daemon deletes a request
    that is one: so these are no items."""
    verbs = ("cancel", "hurry", "retry", "remove")
    ground.pair(name, chance.randbytes(40), chance.randbytes(40), ready=chance.random() < 0.5)
    for stem in (os.fsencode(name), chance.choice(ODD_NAMES), b"..", b"tree-1/inputs"):
        # Its own files are items, which must outlive everything but a wish of their owner.
        verb = chance.choice(verbs[:3] if stem == os.fsencode(name) else verbs)
        path = os.fsencode(ground.spool / "inbox") + b"/" + stem + b"." + verb.encode()
        with suppress(OSError), open(path, "xb") as file:  # noqa: PTH123
            file.write(chance.randbytes(chance.choice((0, 0, 30, 4096))))
    link = ground.spool / "inbox" / f"{name}-link.{chance.choice(verbs)}"
    link.symlink_to(chance.choice((ground.secret, ground.outside, "missing")))
    ground.note(link)
    ground.put(f"inbox/{name}-long.{chance.choice(verbs)}", chance.randbytes(5000))


def _pipe(ground: Ground, chance: random.Random, name: str) -> None:
    for suffix in (".wav", chance.choice((".mp4", ".toml", ".ready"))):
        pipe = ground.spool / "inbox" / f"{name}{suffix}"
        os.mkfifo(pipe)
        ground.note(pipe)


def _socket(ground: Ground, chance: random.Random, name: str) -> None:
    path = ground.spool / "inbox" / f"{name}.mp4"
    # A socket's address is short: it is bound by a path relative to a descriptor.
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{handle}/{path.name}")
    finally:
        os.close(handle)
    ground.note(path)
    ground.put(f"inbox/{name}.wav", b"sound")


def _device(ground: Ground, chance: random.Random, name: str) -> None:
    """Make device files; only root can."""
    for suffix, number in ((".wav", 5), (".mp4", 3), (".toml", 5)):
        path = ground.spool / "inbox" / f"{name}{suffix}"
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, number))
        ground.note(path)


def _odd_name(ground: Ground, chance: random.Random, name: str) -> None:
    odd = chance.choice(ODD_NAMES)
    if chance.random() < 0.5:
        ground.pair(odd, chance.randbytes(40), chance.randbytes(40))
    else:
        folder = b"inbox/" + odd[:200] + name.encode()
        ground.put(folder + b"/" + odd + b".wav", chance.randbytes(40))
        ground.put(folder + b"/" + odd + b".mp4", chance.randbytes(40))
        ground.put(folder + b"/" + chance.choice(ODD_NAMES), chance.randbytes(40))


def _exchanged_results(ground: Ground, chance: random.Random, name: str) -> None:
    """Drop a batch and a pair where links already take the places of their results."""
    for place in ("outbox", "done", "failed"):
        link = ground.spool / place / name
        link.symlink_to(chance.choice((ground.outside, ground.outside / "empty")))
        ground.note(link)
    result = ground.spool / "outbox" / f"{name}.mp4"
    result.symlink_to(ground.secret)
    ground.note(result)
    ground.put(f"inbox/{name}/a.wav", chance.randbytes(40))
    ground.put(f"inbox/{name}/a.mp4", chance.randbytes(40))
    ground.pair(name, chance.randbytes(40), chance.randbytes(40))


def _no_rights(ground: Ground, chance: random.Random, name: str) -> None:
    ground.pair(name, chance.randbytes(40), chance.randbytes(40))
    for suffix in (".wav", ".mp4"):
        (ground.spool / "inbox" / f"{name}{suffix}").chmod(0)


def _sparse(ground: Ground, chance: random.Random, name: str) -> None:
    """Make a huge file that takes no space. It is no real sound."""
    path = ground.spool / "inbox" / f"{name}.wav"
    with path.open("wb") as file:
        file.truncate(SPARSE_BYTES)
    ground.note(path)
    ground.put(f"inbox/{name}.mp4", chance.randbytes(40))
    ground.mark_ready(f"inbox/{name}".encode())


def _deep(ground: Ground, chance: random.Random, name: str) -> None:
    """Make a folder so deep that its paths are longer than the kernel takes at once."""
    handle = os.open(ground.spool / "inbox", os.O_RDONLY)
    component = name + "-" + "d" * 60
    for _ in range(DEPTH):
        os.mkdir(component, dir_fd=handle)
        below = os.open(component, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)


def _nested(ground: Ground, chance: random.Random, name: str) -> None:
    """Drop a batch with a folder, a link and a pipe in it."""
    folder = ground.spool / "inbox" / name
    ground.put(f"inbox/{name}/a.wav", chance.randbytes(40))
    ground.put(f"inbox/{name}/a.mp4", chance.randbytes(40))
    ground.put(f"inbox/{name}/below/a.mp4", chance.randbytes(40))
    (folder / "b.mp4").symlink_to(ground.secret)
    (folder / "job.toml").symlink_to(ground.secret)
    os.mkfifo(folder / "c.wav")
    for entry in ("b.mp4", "job.toml", "c.wav"):
        ground.note(folder / entry)


def _spellings(ground: Ground, chance: random.Random, name: str) -> None:
    """Drop many files whose names a person takes for equal."""
    composed = "é", "e\u0301", "É", "E\u0301"
    for letters in itertools.islice(itertools.product(composed, repeat=6), SPELLINGS):
        ground.put(f"inbox/{''.join(letters)}.wav", b"sound")


def _huge_batch(ground: Ground, chance: random.Random, name: str) -> None:
    ground.put(f"inbox/{name}/a.wav", b"sound")
    for number in range(HUGE_BATCH):
        ground.put(f"inbox/{name}/{number}.mp4", b"video")


def _many_files(ground: Ground, chance: random.Random, name: str) -> None:
    """Drop many files that are no pairs: of unknown kinds, alone, and sidecars."""
    for number in range(500):
        suffix = chance.choice((".docx", ".wav", ".toml", ".ready", ""))
        ground.put(f"inbox/{name}-{number}{suffix}", b"x" * 5_000)
