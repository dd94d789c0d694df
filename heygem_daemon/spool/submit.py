"""Copies a pair into an inbox so that no scan sees a partial copy."""

import contextlib
import errno
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.errors import BadInput
from heygem_daemon.spool.claim import move_all
from heygem_daemon.spool.files import FileOperations, translate_os_errors
from heygem_daemon.spool.formats import (
    AUDIO_EXTENSIONS,
    VIDEO_EXTENSIONS,
    MediaKind,
    extension_as,
    is_photograph,
    media_kind,
)
from heygem_daemon.spool.free_names import names_to_try
from heygem_daemon.spool.layout import names_in
from heygem_daemon.spool.names import (
    SIDECAR_SUFFIX,
    free_name,
    pair_key,
    printable,
    safe_name,
    split_extension,
)
from heygem_daemon.system import paths

_BLOCK = 1 << 20

ReadContent = Callable[[Path], MediaContent]
"""Returns what a file holds."""


def nothing_found(_path: Path) -> MediaContent:
    """Return the content of a file of which nothing is known."""
    return MediaContent()


@dataclass(slots=True)
class CopyProgress:
    """Counts and reports the copied bytes of all files."""

    total_bytes: int
    report: Callable[[int, int], None]
    """Called with copied and total bytes."""
    copied_bytes: int = 0

    def add(self, count: int) -> None:
        self.copied_bytes += count
        self.report(self.copied_bytes, self.total_bytes)


def submit_pair(
    audio: Path | None,
    video: Path,
    inbox: Path,
    name: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    read_content: ReadContent = nothing_found,
    sidecar: str = "",
) -> str:
    """Copy a pair into ``inbox`` so that no scan sees a partial copy. Return the job's name there.

    ``audio`` None: a video alone, whose ``sidecar`` makes it speak with its own sound. ``name`` is
    the desired stem (default: the audio file's). It is made safe, and free in the inbox.
    ``progress(done, total)`` is called with bytes of all files. ``read_content`` examines a file
    whose extension is of the other kind; the copy gets an extension of the right kind.
    ``sidecar``: the text of the job's sidecar; empty: it gets none.

    Raises BadInput for a file that is missing, not a regular file, empty or of the wrong kind, and
    SpoolUnavailable if the inbox cannot be written; NameContested if somebody takes each name there
    in the moment before the rename.
    """
    files: list[tuple[MediaKind, Path]] = [("audio", audio)] if audio else []
    files.append(("video", video))
    stem = safe_name(split_extension(files[0][1].name)[0] if name is None else name)
    with contextlib.ExitStack() as stack:
        sources = [
            (stack.enter_context(open_input(path, kind, read_content)), kind, path)
            for kind, path in files
        ]
        options = sidecar.encode()
        total_bytes = sum(os.fstat(source.fileno()).st_size for source, _, _ in sources)
        copied = CopyProgress(total_bytes + len(options), progress)
        stack.enter_context(translate_os_errors(inbox))
        copies: list[tuple[Path, str]] = []
        if options:
            # Renamed first: a scan that finds the pair finds its options, too.
            copy = stack.enter_context(temporary_file(inbox, SIDECAR_SUFFIX))
            copy_file(io.BytesIO(options), copy, copy, copied)
            copies.append((copy, SIDECAR_SUFFIX))
        for source, kind, path in sources:
            copy = stack.enter_context(temporary_file(inbox, path.suffix.lower()))
            copy_file(source, copy, path, copied)
            copies.append((copy, extension_as(kind, path.name)))
        return _rename_to_free_name(copies, inbox, stem)


def copy_file(source: BinaryIO, target: Path, path: Path, copy_progress: CopyProgress) -> None:
    """Copy ``source``, which was opened from ``path``, durably to the new file ``target``. Raises
    BadInput if ``source`` cannot be read, and OSError if ``target`` cannot be written."""
    handle = paths.open_file(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(handle, "wb") as copy:
        while block := _read(source, path):
            copy.write(block)
            copy_progress.add(len(block))
        copy.flush()
        os.fsync(copy.fileno())


@contextlib.contextmanager
def open_input(
    path: Path, kind: MediaKind | None, read_content: ReadContent = nothing_found
) -> Iterator[BinaryIO]:
    """Open an input file for reading. ``kind`` None: a sidecar, which may be empty. Raises
    BadInput."""
    if kind is not None:
        _check_kind(path, kind, read_content)
    try:
        # Links are followed: it is a path of the person who submits. A pipe is not waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(path, error) from error
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise BadInput(f"{_shown(path)} is not a regular file.", "Give a file, not a folder.")
    with os.fdopen(handle, "rb") as source:
        if status.st_size == 0 and kind is not None:
            raise BadInput(f"{_shown(path)} is empty.", "Export or copy the file again.")
        yield source


def _rename_to_free_name(copies: Sequence[tuple[Path, str]], inbox: Path, stem: str) -> str:
    """Rename copies to one free name with their extensions, and return its stem. Raises
    NameContested."""
    files = FileOperations()
    names = names_to_try(stem, lambda base: free_name(base, map(pair_key, names_in(inbox))))
    while True:
        chosen = next(names)
        if move_all(files, [(copy, inbox / (chosen + end)) for copy, end in copies]):
            return chosen


@contextlib.contextmanager
def temporary_file(inbox: Path, extension: str) -> Iterator[Path]:
    """Yield a name in ``inbox`` that every scan ignores and that no other process uses. What has
    that name in the end is deleted."""
    path = inbox / f".submit-{os.getpid()}-{os.urandom(4).hex()}{extension}.part"
    try:
        yield path
    finally:
        FileOperations().remove_file(path)


def _read(source: BinaryIO, path: Path) -> bytes:
    try:
        return source.read(_BLOCK)
    except OSError as error:
        raise _unreadable(path, error) from error


def _check_kind(path: Path, kind: MediaKind, read_content: ReadContent) -> None:
    """Raise BadInput where neither the name nor what the file holds is of ``kind``."""
    found = media_kind(path.name)
    if found == kind:
        return
    if found and not (is_photograph(path.name) or path.is_dir()):
        content = read_content(path)
        if content.sound if kind == "audio" else content.picture:
            return
    raise BadInput(f"{_shown(path)} {_wrong_kind(kind, found)}.", _hint(kind))


def _wrong_kind(kind: MediaKind, found: MediaKind | None) -> str:
    if kind == "audio":
        return "is video, not audio" if found else "has no extension of a known audio format"
    return "is audio, not video" if found else "has no extension of a known video format"


def _hint(kind: MediaKind) -> str:
    if kind == "audio":
        known = " ".join(sorted(AUDIO_EXTENSIONS))
        return f"The audio comes first, then the video. Audio: {known}."
    known = " ".join(sorted(VIDEO_EXTENSIONS))
    return f"The audio comes first, then the video. Video: {known}."


def _unreadable(path: Path, error: OSError) -> BadInput:
    if error.errno == errno.ENOENT:
        return BadInput(f"{_shown(path)} does not exist.", "Check the spelling of the path.")
    return BadInput(f"{_shown(path)} cannot be read: {error.strerror}.", "Check its permissions.")


def _shown(path: Path) -> str:
    return printable(str(path))
