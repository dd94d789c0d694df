"""Copies a folder, which is a batch, into an inbox so that no scan sees a partial copy."""

import contextlib
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from heygem_daemon.config.job_options import OWN_SOUND, JobOptions
from heygem_daemon.config.output_options import OutputOptions, find_contradiction
from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.config.wording import format_value
from heygem_daemon.errors import BadInput
from heygem_daemon.spool.batch.journal import COMMON_SIDECAR, is_common_sidecar
from heygem_daemon.spool.batch.roster import (
    RosterProblem,
    build_roster,
    format_names,
    with_contents,
)
from heygem_daemon.spool.files import SHARED_MODE, FileOperations, translate_os_errors
from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.free_names import names_to_try
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot, scan
from heygem_daemon.spool.layout import names_in
from heygem_daemon.spool.names import READY_SUFFIX, free_name, printable, safe_name
from heygem_daemon.spool.sidecars import own_sound, read_now
from heygem_daemon.spool.submit import (
    CopyProgress,
    ReadContent,
    copy_file,
    nothing_found,
    open_input,
)
from heygem_daemon.system import paths

NO_OPTIONS = JobOptions()


@dataclass(frozen=True, slots=True)
class _Sources:
    """What a folder's copy is made from."""

    files: tuple[Path, ...]
    """The files to copy."""

    common_sidecar: bytes
    """The sidecar for all members, where the command line makes it; empty: it does not."""


def submit_folder(
    folder: Path,
    inbox: Path,
    name: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    read_content: ReadContent = nothing_found,
    options: JobOptions = NO_OPTIONS,
    default: OutputOptions | None = None,
) -> str:
    """Copy the audio, video and sidecars of ``folder`` into ``inbox`` so that no scan sees a
    partial copy. Return the folder's name there.

    ``name`` is the desired name (default: the folder's). It is made safe, and free in the inbox.
    ``progress(done, total)`` is called with bytes. Where the names make no batch, ``read_content``
    examines the files. ``options`` are for all members; ``default`` is what the settings say of
    results. Raises BadInput if the folder is not a batch, or if one of the options has no effect on
    a member, and SpoolUnavailable if the inbox cannot be written.
    """
    sources = _sources(folder, read_content, options, default or OutputOptions())
    stem = safe_name(folder.absolute().name if name is None else name)
    draft = inbox / f".submit-{os.getpid()}-{os.urandom(4).hex()}.part"
    total_bytes = sum(path.stat().st_size for path in sources.files) + len(sources.common_sidecar)
    copied = CopyProgress(total_bytes, progress)
    files = FileOperations()
    with contextlib.ExitStack() as stack:
        stack.enter_context(translate_os_errors(inbox))
        stack.callback(files.remove_tree, draft)
        files.make_folder(draft, SHARED_MODE)  # the daemon takes the files out of it
        for path in sources.files:
            with open_input(path, media_kind(path.name)) as source:
                copy_file(source, draft / path.name, path, copied)
        if text := sources.common_sidecar:
            copy_file(io.BytesIO(text), draft / COMMON_SIDECAR, draft, copied)
        # No more files will arrive: the folder need not settle.
        os.close(paths.open_file(draft / READY_SUFFIX, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        names = names_to_try(stem, lambda base: free_name(base, names_in(inbox)))
        while True:
            chosen = next(names)
            with contextlib.suppress(FileExistsError):
                files.move(draft, inbox / chosen)
                return chosen


def _sources(
    folder: Path, read_content: ReadContent, options: JobOptions, default: OutputOptions
) -> _Sources:
    if folder.is_symlink() or not folder.is_dir():
        raise BadInput(
            f"{printable(str(folder))} is not a folder.",
            "Give an audio file and a video, or a folder of them.",
        )
    with translate_os_errors(folder):
        snapshot = scan(folder.resolve())
    if snapshot.folders:
        raise BadInput(
            f"{printable(str(folder))} holds a folder ({format_names(snapshot.folders)}).",
            "Submit each folder of files alone.",
        )
    answers = read_now([entry.path for entry in snapshot.sidecars])
    own = own_sound(answers)
    if options.audio == OWN_SOUND:
        snapshot, own = _with_common_sidecar(snapshot), own | {COMMON_SIDECAR}
    roster = build_roster(snapshot, own_sound=own)
    if isinstance(roster, RosterProblem):
        by_content = with_contents(snapshot, lambda entry: read_content(entry.path))
        roster = build_roster(by_content, own_sound=own)
    if isinstance(roster, RosterProblem):
        raise BadInput(f"{printable(str(folder))} {roster.reason}.")
    media = tuple(entry.path for entry in snapshot.entries)
    sidecars = tuple(entry.path for entry in snapshot.sidecars if entry.path.name in answers)
    if not options.given:
        return _Sources((*media, *sidecars), b"")
    own_sidecars = tuple(path for path in sidecars if not _is_common(path.name))
    text = _merge(answers, options, default).sidecar_text
    return _Sources((*media, *own_sidecars), text.encode())


def _with_common_sidecar(snapshot: FolderSnapshot) -> FolderSnapshot:
    """Return a scan of the folder that has a sidecar for all members."""
    if any(_is_common(entry.path.name) for entry in snapshot.sidecars):
        return snapshot
    path = snapshot.entries[0].path.with_name(COMMON_SIDECAR) if snapshot.entries else Path()
    entry = FileEntry(path, None, 0, 0, 0, 0, 0)
    return replace(snapshot, sidecars=(*snapshot.sidecars, entry))


def _merge(
    answers: Mapping[str, SidecarAnswer], options: JobOptions, default: OutputOptions
) -> JobOptions:
    """Return the options for all members: those of the folder's sidecar, and ``options``. Raises
    BadInput where a sidecar is wrong, or leaves one of ``options`` without effect."""
    for name, answer in answers.items():
        if answer.refusal:
            raise BadInput(answer.refusal, answer.remedy)
        for key in options.given:
            there, wanted = getattr(answer.options, key), getattr(options, key)
            if key in answer.options.given and there != wanted:
                raise BadInput(
                    f"{key} = {format_value(wanted)} has no effect: {printable(name)} in the folder"
                    f" says {key} = {format_value(there)}.",
                    "Remove one of the two.",
                )
    common = [answer.options for name, answer in answers.items() if _is_common(name)]
    for_all = common[0].overridden_by(options) if common else options
    members = {name: for_all.overridden_by(answer.options) for name, answer in answers.items()}
    for name, member in {COMMON_SIDECAR: for_all, **members}.items():
        if problem := find_contradiction(member.output(default), member.given):
            raise BadInput(f"{printable(name)}: {problem}")
    return for_all


def _is_common(name: str) -> bool:
    return is_common_sidecar(name)
