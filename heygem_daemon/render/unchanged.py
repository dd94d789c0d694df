"""The inputs of a job must stay what they were while it is rendered.

Nobody can reach a claimed file by its name, but a program that opened it before may still write.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from heygem_daemon.errors import BadInput, EnvironmentFault, Interrupted

Version = tuple[int, int, int]
"""Inode, size in bytes, and time of the last change in nanoseconds."""


@contextmanager
def require_unchanged(files: Sequence[Path]) -> Iterator[None]:
    """Raise BadInput if one of ``files`` changes inside the block.

    This takes the place of any other error inside the block, which may only follow from the change.
    A refusal, a stop and a fault of the environment stay what they are. A file that is not there
    any more counts as unchanged: a lost share looks the same.
    """
    before = {file: _version(file) for file in files}
    try:
        yield
    except (BadInput, EnvironmentFault, Interrupted):
        raise
    except Exception as error:
        _refuse_changed(before, error)
        raise
    _refuse_changed(before, None)


def _refuse_changed(before: dict[Path, Version | None], cause: Exception | None) -> None:
    for file, version in before.items():
        now = _version(file)
        if version is not None and now is not None and now != version:
            raise BadInput(
                f"{file.name} was changed while it was rendered.",
                "Wait until the program that writes the file has finished, and drop it again.",
            ) from cause


def _version(file: Path) -> Version | None:
    """Return the version of ``file``; None where it cannot be told."""
    try:
        found = file.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
