"""Copies a pair, or a folder as a batch, into an inbox so that no scan sees a partial copy."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.errors import BadInput
from heygem_daemon.spool.batch.roster import RosterProblem, build_roster, with_contents
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
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.layout import names_in
from heygem_daemon.spool.names import (
    READY_SUFFIX,
    free_name,
    pair_key,
    printable,
    safe_name,
    split_extension,
)
from heygem_daemon.spool.sidecars import own_sound, read_now
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
    audio: Path,
    video: Path,
    inbox: Path,
    name: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    read_content: ReadContent = nothing_found,
) -> str:
    """Copy a pair into ``inbox`` so that no scan sees a partial copy. Return the job's name there.

    ``name`` is the desired stem (default: the audio file's). It is made safe, and free in the
    inbox. ``progress(done, total)`` is called with bytes of both files. ``read_content`` examines a
    file whose extension is of the other kind; the copy gets an extension of the right kind.

    Raises BadInput for a file that is missing, not a regular file, empty or of the wrong kind, and
    SpoolUnavailable if the inbox cannot be written.
    """
    stem = safe_name(split_extension(audio.name)[0] if name is None else name)
    with contextlib.ExitStack() as stack:
        sources = [
            stack.enter_context(open_input(audio, "audio", read_content)),
            stack.enter_context(open_input(video, "video", read_content)),
        ]
        total_bytes = sum(os.fstat(source.fileno()).st_size for source in sources)
        copied = CopyProgress(total_bytes, progress)
        stack.enter_context(translate_os_errors(inbox))
        copies = [
            stack.enter_context(_temporary_copy(source, inbox / _hidden_name(path), path, copied))
            for source, path in zip(sources, (audio, video), strict=True)
        ]
        return _rename_to_free_name(copies, (audio, video), inbox, stem)


def submit_folder(
    folder: Path,
    inbox: Path,
    name: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    read_content: ReadContent = nothing_found,
) -> str:
    """Copy the audio, video and sidecars of ``folder`` into ``inbox`` so that no scan sees a
    partial copy. Return the folder's name there.

    ``name`` is the desired name (default: the folder's). It is made safe, and free in the inbox.
    ``progress(done, total)`` is called with bytes. Where the names make no batch, ``read_content``
    examines the files. Raises BadInput if the folder is not a batch, and SpoolUnavailable if the
    inbox cannot be written.
    """
    sources = _sources(folder, read_content)
    stem = safe_name(folder.absolute().name if name is None else name)
    draft = inbox / f".submit-{os.getpid()}-{os.urandom(4).hex()}.part"
    copied = CopyProgress(sum(path.stat().st_size for path in sources), progress)
    files = FileOperations()
    with contextlib.ExitStack() as stack:
        stack.enter_context(translate_os_errors(inbox))
        stack.callback(files.remove_tree, draft)
        files.make_folder(draft)
        for path in sources:
            with open_input(path, media_kind(path.name)) as source:
                copy_file(source, draft / path.name, path, copied)
        # No more files will arrive: the folder need not settle.
        os.close(paths.open_file(draft / READY_SUFFIX, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        while True:
            chosen = free_name(stem, names_in(inbox))
            with contextlib.suppress(FileExistsError):
                files.move(draft, inbox / chosen)
                return chosen


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


def _hidden_name(path: Path) -> str:
    """Return a name that every scan ignores and that no other process uses."""
    return f".submit-{os.getpid()}-{os.urandom(4).hex()}{path.suffix.lower()}.part"


def _rename_to_free_name(
    copies: list[Path], originals: tuple[Path, Path], inbox: Path, stem: str
) -> str:
    files = FileOperations()
    audio, video = originals
    extensions = extension_as("audio", audio.name), extension_as("video", video.name)
    while True:
        chosen = free_name(stem, (pair_key(taken) for taken in names_in(inbox)))
        targets = [inbox / (chosen + extension) for extension in extensions]
        if move_all(files, list(zip(copies, targets, strict=True))):
            return chosen


@contextlib.contextmanager
def _temporary_copy(
    source: BinaryIO, target: Path, path: Path, copied: CopyProgress
) -> Iterator[Path]:
    """Copy ``source`` durably to ``target``, which is deleted at the end if it is still there."""
    try:
        copy_file(source, target, path, copied)
        yield target
    finally:
        FileOperations().remove_file(target)


def _sources(folder: Path, read_content: ReadContent) -> list[Path]:
    if folder.is_symlink() or not folder.is_dir():
        raise BadInput(
            f"{printable(str(folder))} is not a folder.",
            "Give an audio file and a video, or a folder of them.",
        )
    with translate_os_errors(folder):
        snapshot = scan(folder.resolve())
    answers = read_now([entry.path for entry in snapshot.sidecars])
    roster = build_roster(snapshot, own_sound=own_sound(answers))
    if isinstance(roster, RosterProblem):
        by_content = with_contents(snapshot, lambda entry: read_content(entry.path))
        roster = build_roster(by_content, own_sound=own_sound(answers))
    if isinstance(roster, RosterProblem):
        raise BadInput(f"{printable(str(folder))} {roster.reason}.")
    return [entry.path for entry in (*snapshot.entries, *snapshot.sidecars)]


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
    extensions = sorted(AUDIO_EXTENSIONS if kind == "audio" else VIDEO_EXTENSIONS)
    hint = f"The audio comes first, then the video. {kind.capitalize()}: {' '.join(extensions)}."
    what = f"is {found}, not {kind}" if found else f"has no extension of a known {kind} format"
    raise BadInput(f"{_shown(path)} {what}.", hint)


def _unreadable(path: Path, error: OSError) -> BadInput:
    if error.errno == errno.ENOENT:
        return BadInput(f"{_shown(path)} does not exist.", "Check the spelling of the path.")
    return BadInput(f"{_shown(path)} cannot be read: {error.strerror}.", "Check its permissions.")


def _shown(path: Path) -> str:
    return printable(str(path))
