"""The folders in which other workers help with a job, also those of other machines.

An assistant writes only into its own folder, in the job's workspace; beside it, it makes files that
claim chunks, or pieces of the video. What it has finished is moved to the workspace from here. Its
folder is its permission: when the assistant ends, or nobody knows what it does, the folder goes in
one rename, and what it makes later belongs to no job.
"""

import secrets
from contextlib import suppress
from pathlib import Path

from heygem_daemon.spool.access import SpoolAccess
from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.job import ASSISTANT_PREFIX, SEGMENT, TRACK_PIECE, Job
from heygem_daemon.system import paths

GONE_PREFIX = "gone-"


class AssistantFolders:
    """The folders of a spool's assistants. Each method raises SpoolUnavailable as ``Spool``."""

    def __init__(self, access: SpoolAccess) -> None:
        self._access = access

    def open(self, job: Job) -> Path:
        """Make a folder for an assistant of a running job. It has a name that no other had."""
        folder = job.workspace / f"{ASSISTANT_PREFIX}{secrets.token_hex(4)}"
        with self._access.guard():
            self._access.files.make_folder(folder)
        return folder

    def take_finished(self, folder: Path) -> None:
        """Move what an assistant has finished to the workspace."""
        with self._access.guard():
            _take_finished(self._access.files, folder)

    def close(self, folder: Path) -> None:
        """Take what an assistant has finished, and its folder: it can write nothing more for the
        job."""
        with self._access.guard():
            close_folder(self._access.files, folder)


def close_folders(files: FileOperations, workspace: Path) -> None:
    """Take the folders of all assistants in a workspace. Raises OSError."""
    if is_folder(workspace):
        for name in paths.names_in(workspace):
            if name.startswith(ASSISTANT_PREFIX):
                close_folder(files, workspace / name)


def close_folder(files: FileOperations, folder: Path) -> None:
    """Take what is finished and the folder of an assistant. Raises OSError where it could still
    write there; a folder that has gone with its job is no error."""
    if not is_folder(folder):
        return
    _take_finished(files, folder)
    gone = folder.with_name(folder.name.replace(ASSISTANT_PREFIX, GONE_PREFIX))
    files.move(folder, gone)
    with suppress(OSError):  # what is still written there goes with the job
        files.remove_tree(gone)


def _take_finished(files: FileOperations, folder: Path) -> None:
    for name in sorted(paths.names_in(folder)):
        is_finished = SEGMENT.fullmatch(name) or TRACK_PIECE.fullmatch(name)
        if is_finished and is_file(folder / name):
            with suppress(FileExistsError):  # the job's own worker has made it too
                files.move(folder / name, folder.parent / name)
