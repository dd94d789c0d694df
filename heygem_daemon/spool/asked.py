"""The request for which a job goes back to the inbox, or is deleted, as the spool keeps it."""

from heygem_daemon.spool.command_requests import clear_command
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.job import AskedBy
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.request_files import RequestFile, clear_request
from heygem_daemon.spool.request_names import Verb
from heygem_daemon.spool.requests import Request
from heygem_daemon.system import paths


def describe_request(layout: SpoolLayout, found: RequestFile, *, takes_options: bool) -> AskedBy:
    """Return what is kept of a request. ``takes_options``: whether a new
    sidecar comes with it."""
    request = found.request
    return AskedBy(
        path=found.path.relative_to(layout.root).parts,
        inode=found.inode,
        asked_ns=request.asked_ns,
        size=request.size,
        name=request.name,
        shown=request.shown,
        owner=request.owner,
        folder=request.folder,
        is_blank=request.is_blank,
        takes_options=takes_options,
    )


def request_of(layout: SpoolLayout, asked: AskedBy, verb: Verb = "retry") -> RequestFile:
    """Return the request again, and where its file is, or was."""
    request = Request(
        verb=verb,
        name=asked.name,
        shown=asked.shown,
        owner=asked.owner,
        asked_ns=asked.asked_ns,
        folder=asked.folder,
        size=asked.size,
        is_blank=asked.is_blank,
    )
    return RequestFile(request, layout.root.joinpath(*asked.path), asked.inode)


def is_open(found: RequestFile) -> bool:
    """Return whether the file of a request is still there. Raises OSError."""
    try:
        return found.is_this(paths.lstat(found.path))
    except FileNotFoundError:
        return False


def clear_any(files: FileOperations, found: RequestFile) -> None:
    """Delete the file of a request, also of a command. Raises OSError."""
    clear = clear_command if found.is_command else clear_request
    clear(files, found)
