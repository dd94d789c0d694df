"""``.state/removals/``: what each request to delete deletes, until that is done.

A request names a job, and means what ended last of that name. Once that is gone, it would mean what
ended before. So what it means is written down before the first deletion, and a request that is
carried out again after a crash deletes that and nothing else.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from heygem_daemon.spool.files import FileOperations, is_folder
from heygem_daemon.spool.job import AnyText, AskedBy, FileName, FrozenModel, UnixTime
from heygem_daemon.spool.layout import SpoolLayout, names_in
from heygem_daemon.spool.request_files import RequestFile
from heygem_daemon.system.folder_rights import CLOSED_MODE
from heygem_daemon.system.untrusted import (
    BATCH_LIMITS,
    UnreadableText,
    check_length,
    parse_model,
    read_text,
)


class Removal(FrozenModel):
    """What one request deletes."""

    asked_by: AskedBy

    records: tuple[FileName, ...]
    """Names of the records in .state/finished/."""

    name: AnyText
    """The folded name by which it means them: of a batch that is not called so, the published
    member of that name."""

    which: tuple[str, ...] = ()
    """Which of several jobs of one name it is about, as clauses."""

    begun_at: UnixTime


def save(layout: SpoolLayout, files: FileOperations, found: RequestFile, removal: Removal) -> None:
    """Keep what a request deletes, durably. Raises OSError, UnreadableText if it is too long to be
    read again."""
    text = json.dumps(removal.model_dump()).encode()  # ASCII: names may hold surrogates.
    check_length(text, BATCH_LIMITS)
    if not is_folder(layout.removals):
        files.make_folder(layout.removals, CLOSED_MODE)
    files.write(_path_of(layout, found), text)


def load(layout: SpoolLayout, found: RequestFile) -> Removal | None:
    """Return what a request had begun to delete; None: nothing. Raises OSError, UnreadableText:
    then nobody knows what it means, and nothing may be deleted for it."""
    try:
        return _parse(_path_of(layout, found))
    except FileNotFoundError:
        return None


def find_all(layout: SpoolLayout, files: FileOperations) -> Iterator[tuple[Path, Removal]]:
    """Yield all, each with its file, and delete what writes left that were interrupted. What cannot
    be read stays: its request may still be there. Raises OSError."""
    for name in names_in(layout.removals) if is_folder(layout.removals) else ():
        path = layout.removals / name
        if name.startswith("."):
            files.remove_file(path)
            continue
        with suppress(UnreadableText):
            yield path, _parse(path)


def _parse(path: Path) -> Removal:
    return parse_model(Removal, read_text(path, BATCH_LIMITS), BATCH_LIMITS)


def _path_of(layout: SpoolLayout, found: RequestFile) -> Path:
    """Return the file of a request, which no later one of its name has."""
    return layout.removals / f"{found.inode}-{found.request.asked_ns}.json"
