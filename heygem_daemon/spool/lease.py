"""Gives a job another workspace after an attempt on a node of the cluster.

A machine that is cut off goes on rendering, and writes whenever it reaches the share again. So the
workspace that it knows is left to it: finished chunks move to a new one, with the next number. What
comes from there later is no file of the job any more, and is not published.
"""

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from heygem_daemon.spool.assistants import close_folders
from heygem_daemon.spool.files import FileOperations, is_folder
from heygem_daemon.spool.job import LEASE_PREFIX, SEGMENT, TRACK_PIECE, WORKSPACE_FOLDER, Job
from heygem_daemon.system import paths

_KEPT = re.compile(rf"{SEGMENT.pattern}|{TRACK_PIECE.pattern}|plan\.json|sound\.m4a")
"""The files that a later attempt uses: chunks, what they belong to, pieces of the video in which
faces were followed, and the encoded sound."""


def lease_anew(files: FileOperations, job: Job, node: str) -> Job:
    """Return the job as it is for an attempt on ``node`` ('': this machine). Its journal is not
    written. No assistant of an attempt before writes for it any more. Where that ran on a node, the
    chunks move. Raises OSError."""
    close_folders(files, job.workspace)
    before = job.journal
    lease = before.lease + 1 if before.node else before.lease
    leased = replace(job, journal=before.model_copy(update={"node": node, "lease": lease}))
    if lease:
        files.make_folder(job.folder / WORKSPACE_FOLDER)
    if lease != before.lease and is_folder(job.workspace):
        files.make_folder(leased.workspace)
        _move_chunks(files, job.workspace, leased.workspace)
    return leased


def _move_chunks(files: FileOperations, old: Path, new: Path) -> None:
    for name in paths.names_in(old):
        if name.startswith(LEASE_PREFIX):
            continue
        # Somebody may be at work there: what cannot be moved or deleted now is never used again.
        with suppress(OSError):
            if _KEPT.fullmatch(name):
                files.move_unsynced(old / name, new / name)
            elif is_folder(old / name):
                files.remove_tree(old / name)
            else:
                files.remove_file(old / name)
    files.sync_parents(new / "chunks", old / "chunks")
    if old.name.startswith(LEASE_PREFIX):
        with suppress(OSError):
            files.remove_tree(old)
