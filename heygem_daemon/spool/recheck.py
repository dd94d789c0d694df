"""The look at one pair right before its claim."""

import stat
from pathlib import Path

from heygem_daemon.spool.files import translate_os_errors
from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot, entry_owner
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.names import is_ignored, is_sidecar, pair_key
from heygem_daemon.system import paths


def is_as_scanned(pair: Pair, inbox: Path, snapshot: FolderSnapshot) -> bool:
    """Return whether the files of a pair have not changed since the scan ``snapshot`` of ``inbox``,
    and no other file of the same name has come. Files are not opened.

    It takes a tenth of the time of a scan, so that each claim can afford it beside ten thousand
    files. Raises SpoolUnavailable.
    """
    scanned = {entry.path: entry for entry in (*snapshot.entries, *snapshot.sidecars)}
    if not all(path in scanned and _is_same(path, scanned[path]) for path in pair.files):
        return False
    known = {path.name for path in scanned} | set(snapshot.unsupported_files)
    with translate_os_errors(inbox):
        new = set(paths.names_in(inbox)) - known
    key = pair_key(pair.audio.name)
    return not any(pair_key(name) == key for name in new if _may_belong_to_a_pair(name))


def _may_belong_to_a_pair(name: str) -> bool:
    return not is_ignored(name) and (media_kind(name) is not None or is_sidecar(name))


def _is_same(path: Path, entry: FileEntry) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and (
        (status.st_ino, status.st_dev) == (entry.inode, entry.device)
        and entry_owner(entry.kind, status) == entry.owner
        and (status.st_size, status.st_mtime_ns) == (entry.size, entry.mtime_ns)
        and status.st_ctime_ns == entry.ctime_ns
    )
