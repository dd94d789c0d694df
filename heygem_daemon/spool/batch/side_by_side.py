"""Lays the files of the folders in a dropped folder beside the others.

What failed of a batch lies in failed/ in a folder for each member, and what was rendered lies in
done/ in a folder ``inputs``. Whoever copies that back drops folders in a folder. So a folder of a
sound and a video is a member with its name, and the files of ``inputs`` are those of the batch.
"""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from heygem_daemon.spool.batch.folder_tree import folder_of, scan_tree
from heygem_daemon.spool.batch.journal import (
    COMMON_SIDECAR,
    INPUTS_FOLDER,
    Batch,
    PlacedFile,
    is_common_sidecar,
    save_batch,
)
from heygem_daemon.spool.batch.roster import with_contents, without_strays
from heygem_daemon.spool.deciders import deciders
from heygem_daemon.spool.files import FileOperations, is_folder
from heygem_daemon.spool.formats import MediaKind, extension_as
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.layout import folders_in, names_in
from heygem_daemon.spool.names import (
    SIDECAR_SUFFIX,
    fold,
    is_sidecar,
    natural_key,
    numbered_names,
    safe_name,
    split_extension,
)
from heygem_daemon.spool.ownership import split_foreign_sidecars
from heygem_daemon.spool.roles import FindContent
from heygem_daemon.system import paths

_MAX_NAME_BYTES = 255
"""The longest name that file systems take."""

_MAX_EXTENSION_BYTES = 40


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Where the files of the folders in a dropped folder go."""

    placed: tuple[PlacedFile, ...] = ()
    """The media and sidecars with their new names. What else is there goes beside them, too."""
    refused: tuple[str, ...] = ()
    """Names of the folders that are no member: they hold folders, several sounds or videos, or
    several sidecars, or a file of a name that is taken."""


@dataclass(slots=True)
class _Inner:
    """The files in one of the folders."""

    entries: list[FileEntry] = field(default_factory=list)
    sidecars: list[FileEntry] = field(default_factory=list)
    common: list[FileEntry] = field(default_factory=list)
    """The sidecars that were those for all members."""


def find_places(folder: Path, snapshot: FolderSnapshot, find: FindContent) -> SideBySide:
    """Decide where the files go of the folders in ``folder``, of which ``snapshot`` is a scan with
    these. ``find`` tells what its media hold. Pure."""
    inner = _group(folder, snapshot)
    deep = {name.partition("/")[0] for name in snapshot.folders if "/" in name}
    is_given = any(is_common_sidecar(e.path.name) for e in snapshot.sidecars if _is_in(folder, e))
    for each in inner.values():
        each.common = [] if is_given else each.common
    of_all = _sidecar_for_all(inner)
    here = [e.path.name for e in (*snapshot.entries, *snapshot.sidecars) if _is_in(folder, e)]
    here += [name for name in snapshot.unsupported_files if "/" not in name]
    names = set(map(fold, here))
    stems = {fold(split_extension(name)[0]) for name in (*here, COMMON_SIDECAR)}
    placed, refused = list[PlacedFile](), list[str]()
    for name in sorted(inner, key=natural_key):
        files = inner[name]
        found: list[PlacedFile] | None
        if name == INPUTS_FOLDER:
            found = _as_they_are(name, files)
        else:
            stem = next(each for each in numbered_names(safe_name(name)) if fold(each) not in stems)
            stems.add(fold(stem))
            found = _as_member(name, stem, files, find, of_all)
        taken = {fold(each.placed_as) for each in found or ()}
        if found is None or name in deep or taken & names:
            refused.append(name)
        else:
            names |= taken
            placed += found
    return SideBySide(tuple(placed), tuple(refused))


def flattened(folder: Path, snapshot: FolderSnapshot, places: SideBySide) -> FolderSnapshot:
    """Return the scan as it will be when the files are side by side. The folders that are refused
    stay in it."""
    if not snapshot.folders:
        return snapshot
    names = names_beside(folder, snapshot, places)

    def moved(entries: Iterable[FileEntry]) -> tuple[FileEntry, ...]:
        known = (each for each in entries if each.path in names)
        return tuple(replace(each, path=folder / names[each.path]) for each in known)

    entries, sidecars = moved(snapshot.entries), moved(snapshot.sidecars)
    return replace(snapshot, entries=entries, sidecars=sidecars, folders=places.refused)


def names_beside(folder: Path, snapshot: FolderSnapshot, places: SideBySide) -> Mapping[Path, str]:
    """Return the names that the media and sidecars will have side by side, by their present
    paths."""
    every = (*snapshot.entries, *snapshot.sidecars)
    here = {each.path: each.path.name for each in every if _is_in(folder, each)}
    return here | {folder / each.folder / each.name: each.placed_as for each in places.placed}


def unfold(files: FileOperations, batch: Batch, find: FindContent, limit: int) -> Batch:
    """Lay the files of the folders in a batch that was just moved side by side, unless one of the
    folders is no member. Return it with a journal that says where each goes. ``find`` and ``limit``
    are as for ``find_places`` and ``scan_tree``."""
    if not is_folder(batch.inputs) or not any(folders_in(batch.inputs)):
        return batch
    snapshot, _ = split_foreign_sidecars(scan_tree(batch.inputs, limit), deciders())
    places = find_places(batch.inputs, snapshot, find)
    if places.refused or snapshot.left_out:
        return batch
    changes = {"placed": places.placed, "unfolded": snapshot.folders}
    batch = replace(batch, journal=batch.journal.model_copy(update=changes))
    save_batch(files, batch)
    lay_side_by_side(files, batch)
    return batch


def lay_side_by_side(files: FileOperations, batch: Batch) -> None:
    """Move the files to where the batch's journal says, and all else in their folders beside them.
    Can be repeated."""
    inputs = batch.inputs
    if not batch.journal.unfolded or not is_folder(inputs):
        return
    for each in batch.journal.placed:
        _rename(files, inputs / each.folder / each.name, inputs / each.placed_as)
    taken = set(map(fold, names_in(inputs)))
    for folder in batch.journal.unfolded:
        if not is_folder(inputs / folder):
            continue
        for name in names_in(inputs / folder):
            beside = _name_beside(folder, name, taken)
            _rename(files, inputs / folder / name, inputs / beside)
        files.remove_empty(inputs / folder)
    # One sync for all renames: those that a power cut undoes are made again.
    paths.sync_folder(inputs)


def _rename(files: FileOperations, source: Path, target: Path) -> None:
    if paths.exists(source) and not paths.exists(target):
        files.rename(source, target)


def _name_beside(folder: str, name: str, taken: set[str]) -> str:
    """Return a name for a file that nothing is made of, and add it to ``taken``. A sidecar that
    counts no more gets one that is no sidecar's."""
    text = f"{folder} {name}"
    stem, extension = split_extension(f"{text}.old" if is_sidecar(text) else text)
    if len(os.fsencode(stem + extension)) > _MAX_NAME_BYTES:
        extension = extension if len(os.fsencode(extension)) <= _MAX_EXTENSION_BYTES else ""
        stem = safe_name(stem)
    names = (each + extension for each in numbered_names(stem))
    found = next(each for each in names if fold(each) not in taken)
    taken.add(fold(found))
    return found


def _is_in(folder: Path, entry: FileEntry) -> bool:
    """Return whether a file is in ``folder`` itself, not in a folder there."""
    return not folder_of(folder, entry)


def _group(folder: Path, snapshot: FolderSnapshot) -> dict[str, _Inner]:
    found: defaultdict[str, _Inner] = defaultdict(_Inner)
    for name in snapshot.folders:
        _ = found[name.partition("/")[0]]
    for entry in snapshot.entries:
        if name := folder_of(folder, entry):
            found[name].entries.append(entry)
    for entry in snapshot.sidecars:
        if name := folder_of(folder, entry):
            is_common = is_common_sidecar(entry.path.name)
            (found[name].common if is_common else found[name].sidecars).append(entry)
    return dict(found)


def _sidecar_for_all(inner: Mapping[str, _Inner]) -> FileEntry | None:
    """Return the sidecar for all members, if each of their folders holds a copy of it, and one of
    them a sidecar of its own besides; None: there is none."""
    members = [each for each in inner.values() if each.entries]
    copies = [entry for each in members for entry in each.common]
    is_same = len(copies) == len(members) and len({each.size for each in copies}) == 1
    first = min(copies, key=lambda each: each.path, default=None)
    return first if is_same and any(each.sidecars for each in members) else None


def _as_they_are(folder: str, files: _Inner) -> list[PlacedFile]:
    """Return the files of a folder ``inputs``, which keep their names."""
    every = (*files.entries, *files.sidecars, *files.common)
    return [PlacedFile(folder=folder, name=n, placed_as=n) for n in (e.path.name for e in every)]


def _as_member(
    folder: str, stem: str, files: _Inner, find: FindContent, of_all: FileEntry | None
) -> list[PlacedFile] | None:
    """Return the files of a member with their new names; None: the folder is no member.
    ``of_all``: the copy of the sidecar for all members that goes beside the others."""
    media = without_strays(with_contents(FolderSnapshot(tuple(files.entries)), find).entries)
    kinds = [entry.kind for entry in media]
    sidecars = files.sidecars if of_all else [*files.sidecars, *files.common]
    if kinds.count("audio") > 1 or kinds.count("video") > 1 or len(sidecars) > 1:
        return None
    names = dict(_names_of_media(stem, media))
    names |= {each.path.name: stem + SIDECAR_SUFFIX for each in sidecars}
    if of_all in files.common:
        names[of_all.path.name] = COMMON_SIDECAR
    return [PlacedFile(folder=folder, name=n, placed_as=to) for n, to in names.items()]


def _names_of_media(stem: str, media: Collection[FileEntry]) -> Iterator[tuple[str, str]]:
    """Yield the old and the new name of each file. A sound in a container of the video's kind gets
    an extension of its own."""
    suffixes = {split_extension(each.path.name)[1].lower() for each in media}
    for entry in media:
        kind: MediaKind = entry.kind or "video"
        suffix = split_extension(entry.path.name)[1].lower()
        if len(suffixes) < len(media):
            suffix = extension_as(kind, entry.path.name)
        yield entry.path.name, stem + suffix
