"""What a scan says of the folders in an inbox."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.notices import REPLACE_REMEDY, InboxNotice, told_of_folder
from heygem_daemon.spool.inbox import FolderSnapshot
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.ownership import describe_foreign
from heygem_daemon.spool.reason import REASON_FILE
from heygem_daemon.system.os_errors import describe_cause

LET_READ = "Copy it into the inbox anew, or let its group read it."
"""What people can do about a folder that nobody else may read."""

NOT_EXAMINED = "many folders are examined before it"
"""Why a folder waits that no scan has looked into."""


@dataclass(frozen=True, slots=True)
class FolderView:
    """One folder at one scan: either a candidate, or a notice of what it waits for."""

    candidate: Candidate | None = None
    notice: InboxNotice | None = None

    settling: bool = False
    """Whether it may become a candidate without anybody's doing."""

    ignored: tuple[InboxNotice, ...] = ()
    """What other users dropped into it or beside it, and does not count."""

    misplaced: tuple[InboxNotice, ...] = ()
    """The requests in it, where they ask nothing."""

    @property
    def notices(self) -> tuple[InboxNotice, ...]:
        """All that is to be said of it."""
        return self.ignored if self.notice is None else (self.notice, *self.ignored)


def find_folder_notices(
    views: Iterable[FolderView], *, heeds_requests: bool
) -> Iterator[InboxNotice]:
    """Yield all that is to be said of folders. ``heeds_requests``: whether requests are carried
    out."""
    for view in views:
        if heeds_requests:
            yield from view.misplaced
        for notice in view.notices:
            is_own = notice is view.notice and heeds_requests
            yield told_of_folder(notice) if is_own else notice


def not_examined(name: str) -> FolderView:
    """Return the view of a folder that no scan has looked into."""
    return FolderView(notice=InboxNotice(printable(name), NOT_EXAMINED), settling=True)


def ignored_notices(ignored: Mapping[str, int], owner: int | None) -> tuple[InboxNotice, ...]:
    """Return a notice for each sidecar and marker that does not count. ``ignored``: their owners;
    ``owner``: that of the folder."""
    return tuple(
        InboxNotice(printable(name), describe_foreign(other, owner), True)
        for name, other in ignored.items()
    )


def unreadable(folder: Path, fault: SpoolUnavailable) -> InboxNotice:
    """Return the notice of a folder that cannot be read, or a folder in it, and why. ``fault``:
    what reading it raised."""
    cause, place = fault.__cause__, folder.name
    if not isinstance(cause, PermissionError):
        why = f"cannot be read: {describe_cause(fault, folder)}"
        return InboxNotice(printable(folder.name), why, True, remedy=REPLACE_REMEDY)
    if cause.filename is not None and (path := Path(cause.filename)).is_relative_to(folder):
        place = str(path.relative_to(folder.parent))
    why = f"cannot be read: whoever dropped it does not let the service open {printable(place)}"
    return InboxNotice(printable(folder.name), why, True, remedy=LET_READ)


def is_copy_of_failed(snapshot: FolderSnapshot) -> bool:
    """Return whether a folder holds folders that look like those of failed members."""
    return any(name.endswith(f"/{REASON_FILE}") for name in snapshot.unsupported_files)


def retry_remedy(name: str) -> str:
    """Return what people can do about a copy of what failed of the batch ``name``."""
    return (
        "If it is a copy of what failed, the sound or the video that its jobs share may not be in"
        f" it: add that, or delete the copy and put an empty file {name}.retry here."
    )
