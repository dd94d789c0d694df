"""What in the inbox waits, or does not count, because several users dropped it."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from heygem_daemon.service.notices import InboxNotice, name_each
from heygem_daemon.spool.inbox import FolderSnapshot
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.ownership import (
    describe_foreign,
    describe_mixture,
    find_foreign_markers,
)
from heygem_daemon.spool.pairing import Pairing
from heygem_daemon.spool.settle import SettleResult

MIXTURE_REMEDY = (
    "If they belong together, one person puts them all into the inbox under another name; if not,"
    " each gives his own another name."
)


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
            names = [entry.path.name for entry in group]
            why = describe_mixture({entry.owner for entry in group})
            for notice in name_each(names, f"waits: the files of this name {why}"):
                yield replace(notice, remedy=MIXTURE_REMEDY)
    for entry, media_owner in pairing.foreign_sidecars:
        reason = describe_foreign(entry.owner, media_owner)
        yield InboxNotice(printable(entry.path.name), reason, True)
    for name, (owner, media_owner) in find_foreign_markers(snapshot, trusted).items():
        yield InboxNotice(printable(name), describe_foreign(owner, media_owner), True)
