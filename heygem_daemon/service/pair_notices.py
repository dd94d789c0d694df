"""What the complete files of a pair wait for: that the others of it are complete, too. Pure."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.spool.batch.roster import format_names
from heygem_daemon.spool.inbox import FileEntry
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.pairing import Pairing
from heygem_daemon.spool.settle import SettleResult


def find_pair_notices(
    pairing: Pairing,
    settling: SettleResult,
    unexamined: Collection[FileEntry],
    answers: Mapping[Path, object],
) -> Iterator[InboxNotice]:
    """Yield a notice for each complete file of a pair of which another one is not. A pair does not
    vanish from the page because its sidecar was corrected. ``unexamined``: the settled files that
    are being examined; ``answers``: the sidecars that were read."""
    being_examined = {each.path for each in unexamined}
    for pair in pairing.pairs:
        lacking = {each for each in pair.files if each not in settling.settled}
        lacking |= pair.files & being_examined
        if pair.sidecar is not None and pair.sidecar not in answers:
            lacking.add(pair.sidecar)
        if lacking:
            names = format_names(path.name for path in lacking)
            for path in sorted(pair.files - lacking):
                reason = f"is complete; the job starts in its turn when the rest is: {names}"
                yield InboxNotice(printable(path.name), reason, waits_for="partner")
