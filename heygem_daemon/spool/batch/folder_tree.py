"""The scan of a dropped folder with the folders in it: one level of them, and never through a
link."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot, scan


def scan_tree(
    folder: Path, limit: int, on_fault: Callable[[str, Exception], object] | None = None
) -> FolderSnapshot:
    """Return one scan of ``folder`` and the folders in it. Files there keep their paths; names that
    have no entry begin with their folder's, and a slash.

    It takes in about ``limit`` names: of the folders after that it knows the names alone.
    ``on_fault`` is as for ``scan``. Raises SpoolUnavailable if one of them cannot be read.
    """
    top = scan(folder, None, on_fault, limit)
    if not top.folders:
        return top
    inner: dict[str, FolderSnapshot] = {}
    left = limit - top.entry_count
    for name in top.folders:
        if left <= 0:
            return replace(_merged(top, inner), left_out=top.left_out + len(top.folders))
        inner[name] = scan(folder / name, None, on_fault, left)
        left -= inner[name].entry_count + 1
    return _merged(top, inner)


def folder_of(folder: Path, entry: FileEntry) -> str:
    """Return the name of the folder in ``folder`` in which a file is; empty: it is in none."""
    return "" if entry.path.parent == folder else entry.path.parent.name


def _merged(top: FolderSnapshot, inner: dict[str, FolderSnapshot]) -> FolderSnapshot:
    every = [top, *inner.values()]
    return replace(
        top,
        entries=tuple(chain.from_iterable(each.entries for each in every)),
        sidecars=tuple(chain.from_iterable(each.sidecars for each in every)),
        unfinished=tuple(chain.from_iterable(each.unfinished for each in every)),
        draft_sizes={key: size for each in every for key, size in each.draft_sizes.items()},
        folders=(*top.folders, *_within(inner, "folders")),
        unsupported_files=(*top.unsupported_files, *_within(inner, "unsupported_files")),
        ignored=sum(each.ignored for each in every),
        left_out=sum(each.left_out for each in every),
        named={},
    )


def _within(inner: dict[str, FolderSnapshot], field: str) -> list[str]:
    """Return the names in a field of the inner scans, each with its folder's before it."""
    return [f"{folder}/{name}" for folder, each in inner.items() for name in getattr(each, field)]
