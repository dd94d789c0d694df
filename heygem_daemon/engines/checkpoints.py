"""The checkpoints that users put into the weights folder, and what is written down about them.

A file becomes usable by being dropped there. ``weights add`` also records where it came from and
what it must hash to; the record lies beside the files in ``added.json``. Nothing here reads what
is in a checkpoint: that is for a process that may import torch.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from heygem_daemon.config.engines import shipped_folders
from heygem_daemon.errors import WeightsUnavailable
from heygem_daemon.spool.names import is_ignored
from heygem_daemon.system.atomic import atomic_file, write_atomically
from heygem_daemon.system.checksum import sha256_of

CHECKPOINT_SUFFIXES = (".pth", ".pt", ".safetensors")
BUILTIN_FOLDER = "builtin"
ADDED_FILE = "added.json"
LARGE_FILE_BYTES = 1 << 20
"""Bytes from which a file of another name may be a checkpoint, and is no note or picture."""

DEFAULT_LICENCE = (
    "not stated; the published Wav2Lip weights are for research and personal use only, "
    "not commercial (github.com/Rudrabha/Wav2Lip)"
)

WeightsStamp = tuple[tuple[str, int, int, int], ...]


class CheckpointEntry(BaseModel):
    """What is known of an added checkpoint. ``layout``: which generator; ``size``: bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    engine: str
    layout: str
    sha256: str
    size: int
    licence: str = DEFAULT_LICENCE
    origin: str = ""
    """The name of the file that it was made from."""


class AddedCheckpoints(BaseModel):
    """``added.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoints: tuple[CheckpointEntry, ...] = ()

    def find(self, name: str) -> CheckpointEntry | None:
        return next((entry for entry in self.checkpoints if entry.name == name), None)

    def with_entry(self, entry: CheckpointEntry) -> "AddedCheckpoints":
        """The record with ``entry`` in place of any other of its name."""
        others = tuple(each for each in self.checkpoints if each.name != entry.name)
        return AddedCheckpoints(
            checkpoints=tuple(sorted((*others, entry), key=lambda each: each.name))
        )


def find_checkpoints(weights: Path) -> list[Path]:
    """The checkpoints that lie in the folder ``weights``, by name."""
    try:
        return sorted(
            path
            for path in weights.iterdir()
            if has_checkpoint_suffix(path) and not path.name.startswith(".") and path.is_file()
        )
    except OSError:
        return []


def has_checkpoint_suffix(path: Path) -> bool:
    """Whether a file is a checkpoint by its name, in whatever case that is written."""
    return path.suffix.lower() in CHECKPOINT_SUFFIXES


def find_unsupported_files(weights: Path) -> list[Path]:
    """What also lies in the folder, by name, and may be meant as a checkpoint though nobody takes
    it for one: large files of other names, and folders with checkpoints."""
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
    """What to say of a ``strange`` one."""
    return (
        f"{path} is not used: a checkpoint must be a file in {path.parent} itself whose name ends "
        f"in {', '.join(CHECKPOINT_SUFFIXES)}."
    )


def weights_stamp(weights: Path) -> WeightsStamp:
    """Changes whenever a weights file comes, goes or is replaced."""
    seen = []
    for path in (
        *find_checkpoints(weights),
        *find_unsupported_files(weights),
        *_shipped_weights(weights),
    ):
        try:
            state = path.stat()
        except OSError:
            continue
        seen.append((path.name, state.st_size, state.st_mtime_ns, state.st_ino))
    return tuple(seen)


def _shipped_weights(weights: Path) -> Iterator[Path]:
    """The shipped files, by folder and name; none of a folder that cannot be read."""
    for folder in shipped_folders():
        with suppress(OSError):
            yield from sorted((weights / folder).glob("*.safetensors"))


def weights_fingerprint(weights: Path) -> str:
    """``stamp`` as one short word, for names of files."""
    return sha256(repr(weights_stamp(weights)).encode()).hexdigest()[:16]


def read_added_checkpoints(weights: Path) -> AddedCheckpoints:
    """What is recorded of the added checkpoints. Raises WeightsUnavailable where it is damaged."""
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
    """Replace the record. Raises WeightsUnavailable where the folder cannot be written."""
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
