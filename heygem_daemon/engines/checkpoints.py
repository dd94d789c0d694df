"""Users' checkpoints in their folder, and the record of those that ``weights add`` added.

A checkpoint that lies in the folder can be used. ``weights add`` also records its origin and hash
in ``added.json``, beside the files. This module does not read what is in a checkpoint: only a
process that may import torch does.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from heygem_daemon.config.engines import shipped_folders
from heygem_daemon.counts import counted
from heygem_daemon.errors import WeightsUnavailable
from heygem_daemon.spool.names import is_ignored
from heygem_daemon.system.atomic import atomic_file, write_atomically
from heygem_daemon.system.checksum import sha256_of

CHECKPOINT_SUFFIXES = (".pth", ".pt", ".safetensors")
BUILTIN_FOLDER = "builtin"
ADDED_FILE = "added.json"
HEAD_BYTES = 9
LEAST_CHECKPOINT_BYTES = 1 << 20
"""No generator is that small: the published one has 36 million weights."""
LARGE_FILE_BYTES = 1 << 20
"""Bytes from which a file of another name may be a checkpoint; notes and pictures are smaller."""

DEFAULT_LICENCE = (
    "not stated; the published Wav2Lip weights are for research and personal use only, "
    "not commercial (github.com/Rudrabha/Wav2Lip)"
)

WeightsStamp = tuple[tuple[str, int, int, int], ...]


class CheckpointEntry(BaseModel):
    """The record of an added checkpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The file's name in the weights folder."""
    engine: str
    """The engine that uses it, a key of ``config.engines.ENGINES``."""
    layout: str
    """The name of the network's layout: 'wav2lip-96'."""
    sha256: str
    """Hex digest of the file's content."""
    size: int
    """Bytes."""
    licence: str = DEFAULT_LICENCE
    """What the user said that its author allows."""
    origin: str = ""
    """The name of the file that it was copied or converted from."""


class AddedCheckpoints(BaseModel):
    """The content of ``added.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoints: tuple[CheckpointEntry, ...] = ()

    def find(self, name: str) -> CheckpointEntry | None:
        """Return the entry of the file ``name``; None where there is none."""
        return next((entry for entry in self.checkpoints if entry.name == name), None)

    def with_entry(self, entry: CheckpointEntry) -> "AddedCheckpoints":
        """Return the record with ``entry`` in place of one of the same name, sorted by name."""
        others = tuple(each for each in self.checkpoints if each.name != entry.name)
        return AddedCheckpoints(
            checkpoints=tuple(sorted((*others, entry), key=lambda each: each.name))
        )


def find_checkpoints(weights: Path) -> list[Path]:
    """Return the checkpoints in the folder ``weights``, sorted by name."""
    try:
        return sorted(
            path
            for path in weights.iterdir()
            if has_checkpoint_suffix(path) and not path.name.startswith(".") and path.is_file()
        )
    except OSError:
        return []


def has_checkpoint_suffix(path: Path) -> bool:
    """Whether a file's name ends as a checkpoint's does, in upper or lower case."""
    return path.suffix.lower() in CHECKPOINT_SUFFIXES


def find_obvious_fault(path: Path) -> str | None:
    """Return why a file cannot be a checkpoint, by its size and first bytes, as a clause; None: it
    may be one. A look into it takes a process that may import torch."""
    try:
        with path.open("rb") as file:
            head, size = file.read(HEAD_BYTES), path.stat().st_size
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if size < LEAST_CHECKPOINT_BYTES:
        found = counted(size, "1 byte", "{count} bytes")
        return f"has {found}, too few for a checkpoint"
    if path.suffix.lower() == ".safetensors":
        # The length of a JSON object (8 bytes, little-endian), and the object.
        is_one = head[8:9] == b"{" and int.from_bytes(head[:8], "little") < size
    else:
        # A ZIP archive, as torch has written it since 1.6, or the protocol of a pickle before.
        is_one = head.startswith((b"PK\x03\x04", b"\x80"))
    return None if is_one else "is no checkpoint by its first bytes"


def find_unsupported_files(weights: Path) -> list[Path]:
    """Return what is not used but may be meant as a checkpoint, sorted by name: large files of
    other names, and folders with checkpoints."""
    try:
        return sorted(path for path in weights.iterdir() if _is_unsupported(path))
    except OSError:
        return []


def _is_unsupported(path: Path) -> bool:
    if is_ignored(path.name) or path.name in (ADDED_FILE, *shipped_folders()):
        return False
    if path.is_dir():
        return bool(find_checkpoints(path))
    return (
        not has_checkpoint_suffix(path)
        and path.is_file()
        and path.stat().st_size >= LARGE_FILE_BYTES
    )


def describe_unsupported_file(path: Path) -> str:
    """Return the sentence for the operator about one of ``find_unsupported_files``."""
    return (
        f"{path} is not used: a checkpoint must be a file in {path.parent} itself whose name ends "
        f"in {', '.join(CHECKPOINT_SUFFIXES)}."
    )


def weights_stamp(weights: Path, own: Path | None = None) -> WeightsStamp:
    """Return a value that changes whenever a weights file is added, removed or replaced. ``own``:
    the folder of the user's checkpoints; None: ``weights`` too."""
    states = []
    for path in (
        *find_checkpoints(own or weights),
        *find_unsupported_files(own or weights),
        *_shipped_weights(weights),
    ):
        try:
            state = path.stat()
        except OSError:
            continue
        states.append((path.name, state.st_size, state.st_mtime_ns, state.st_ino))
    return tuple(states)


def _shipped_weights(weights: Path) -> Iterator[Path]:
    """Yield the shipped files, by folder and name; none of a folder that cannot be read."""
    for folder in shipped_folders():
        with suppress(OSError):
            yield from sorted((weights / folder).glob("*.safetensors"))


def weights_fingerprint(weights: Path, own: Path | None = None) -> str:
    """Return ``weights_stamp`` as 16 hex digits, for file names."""
    return sha256(repr(weights_stamp(weights, own)).encode()).hexdigest()[:16]


def read_added_checkpoints(weights: Path) -> AddedCheckpoints:
    """Read ``added.json``; empty where there is no such file.

    Raises WeightsUnavailable where it is damaged.
    """
    path = weights / ADDED_FILE
    try:
        return AddedCheckpoints.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return AddedCheckpoints()
    except (OSError, ValidationError) as error:
        raise WeightsUnavailable(
            f"{path} cannot be used ({error}). Remove it, and add the checkpoints again."
        ) from error


def write_added_checkpoints(weights: Path, added: AddedCheckpoints) -> None:
    """Write ``added.json``. Raises WeightsUnavailable where the folder cannot be written."""
    target = weights / ADDED_FILE
    with _translate_write_errors(target):
        write_atomically(target, added.model_dump_json(indent=2) + "\n")


def copy_checkpoint(source: Path, target: Path) -> None:
    """Copy a checkpoint to ``target``, which appears when it is complete.

    Raises WeightsUnavailable where there is another file of that name, or no room.
    """
    if target.exists() and not target.samefile(source):
        raise WeightsUnavailable(f"There is a {target} already: remove or rename it first.")
    if not target.exists():
        with _translate_write_errors(target), atomic_file(target) as temporary:
            shutil.copyfile(source, temporary)


def make_folder(folder: Path) -> None:
    """Make the folder of the checkpoints. Raises WeightsUnavailable."""
    with _translate_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def checkpoint_sha256(path: Path) -> str:
    """Hex digest of a file's content. Raises WeightsUnavailable."""
    try:
        return sha256_of(path)
    except OSError as error:
        raise WeightsUnavailable(f"{path} cannot be read: {error.strerror or error}") from error


@contextmanager
def _translate_write_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WeightsUnavailable(
            f"{target} cannot be written: {error.strerror or error}"
        ) from error
