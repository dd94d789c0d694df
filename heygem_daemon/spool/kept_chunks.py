"""Keeps the finished chunks of a failed job, for a later try with the same files.

They lie in ``.cache/chunks/`` under a name made from the identities of the two files, which a
rename does not change; so they are found whichever way the files come back. A worker uses them only
if its fingerprint of contents and options fits. They go when the job is removed, or when the
retention time has passed.
"""

import contextlib
from hashlib import sha256
from pathlib import Path

from heygem_daemon.spool.cached_entries import LAST_USE_FILE
from heygem_daemon.spool.files import FileOperations, is_folder
from heygem_daemon.spool.job import SEGMENT, FileIdentity, Job
from heygem_daemon.spool.records import JobRecord
from heygem_daemon.system import paths

FOLDER = "chunks"


def count_chunks(workspace: Path) -> int:
    """Return how many chunks, or pieces of one, are finished; 0 if the folder cannot be read."""
    try:
        return sum(SEGMENT.fullmatch(name) is not None for name in paths.names_in(workspace))
    except OSError:
        return 0


def keep_chunks(cache: Path, files: FileOperations, job: Job) -> None:
    """Move the workspace of a job that fails to the cache, if it has finished chunks. What cannot
    be kept is lost, which costs only time."""
    with contextlib.suppress(OSError):
        if not count_chunks(job.workspace):
            return
        target = _place(cache, job)
        for name in paths.names_in(job.workspace):
            if name.startswith("."):  # a killed worker's half file, perhaps a large one
                files.remove_file(job.workspace / name)
        for folder in (cache, target.parent):
            files.make_folder(folder)
        files.remove_tree(target)
        files.move(job.workspace, target)


def take_kept_chunks(cache: Path, files: FileOperations, job: Job) -> None:
    """Give a job the chunks of an earlier one with the same files, if there are any and it has none
    of its own."""
    with contextlib.suppress(OSError):
        kept = _place(cache, job)
        if count_chunks(job.workspace) or not is_folder(kept):
            return
        files.remove_tree(job.workspace)
        files.move(kept, job.workspace)
        # When it is kept again, its age counts from then.
        files.remove_file(job.workspace / LAST_USE_FILE)


def remove_kept_chunks(cache: Path, files: FileOperations, record: JobRecord) -> None:
    """Delete what is kept of a failed job. Raises OSError or SpoolUnavailable."""
    recorded = {file.path[-1]: file for file in record.files}
    names = (record.journal.audio_name, record.journal.video_name)
    if all(name in recorded for name in names):
        files.remove_tree(_place_of(cache, *(recorded[name] for name in names)))


def _place(cache: Path, job: Job) -> Path:
    """Return where the chunks of a job with these files are kept. Raises OSError."""
    audio, video = (paths.lstat(path) for path in (job.audio, job.video))
    return _place_of(cache, FileIdentity.of(audio), FileIdentity.of(video))


def _place_of(cache: Path, audio: FileIdentity, video: FileIdentity) -> Path:
    identities = [(each.size, each.inode, each.mtime_ns) for each in (audio, video)]
    return cache / FOLDER / sha256(repr(identities).encode()).hexdigest()[:32]
