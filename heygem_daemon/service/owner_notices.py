"""What in the inbox waits, or does not count, because several users dropped it."""

from collections.abc import Collection, Iterator

from heygem_daemon.service.candidates import InboxNotice
from heygem_daemon.spool.batch.roster import MAX_SHOWN_NAMES, format_names
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.ownership import (
    describe_foreign,
    describe_mixture,
    find_foreign_markers,
)
from heygem_daemon.spool.pairing import Pairing
from heygem_daemon.spool.settle import SettleResult


def find_owner_notices(
    snapshot: FolderSnapshot,
    settling: SettleResult,
    pairing: Pairing,
    trusted: Collection[int],
) -> Iterator[InboxNotice]:
    """Yield a notice for each settled file that belongs to another user's, and for each sidecar and
    marker that does not count."""
    for group in pairing.mixed_groups:
        if settling.settled.issuperset(entry.path for entry in group):
            yield from _mixture_notices(group)
    for entry, media_owner in pairing.foreign_sidecars:
        reason = describe_foreign(entry.owner, media_owner)
        yield InboxNotice(printable(entry.path.name), reason, True)
    for name, (owner, media_owner) in find_foreign_markers(snapshot, trusted).items():
        yield InboxNotice(printable(name), describe_foreign(owner, media_owner), True)


def _mixture_notices(group: tuple[FileEntry, ...]) -> Iterator[InboxNotice]:
    """Yield a notice for each of the first few files of a group, and one for the others."""
    names = [entry.path.name for entry in group]
    why = describe_mixture({entry.owner for entry in group})
    reason = f"waits: {format_names(names)} {why}"
    for name in names[:MAX_SHOWN_NAMES]:
        yield InboxNotice(printable(name), reason, True)
    if (more := len(names) - MAX_SHOWN_NAMES) > 0:
        yield InboxNotice(f"{printable(names[MAX_SHOWN_NAMES])} ({more} such files)", reason, True)
