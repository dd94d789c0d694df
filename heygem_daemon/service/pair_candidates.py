"""Which pairs of the inbox may be claimed."""

from collections.abc import Mapping
from pathlib import Path

from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.service.notices import REPLACE_REMEDY, InboxNotice
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.pairing import Pairing
from heygem_daemon.spool.settle import SettleResult


def find_pair_candidates(
    snapshot: FolderSnapshot,
    settling: SettleResult,
    pairing: Pairing,
    answers: Mapping[Path, SidecarAnswer],
    faults: ItemFaults,
) -> tuple[list[Candidate], list[InboxNotice]]:
    """Return the settled pairs whose sidecars are read, and notices of those that cannot be
    handled."""
    entries = {entry.path: entry for entry in snapshot.entries}
    found, unhandled = [], []
    for pair in pairing.pairs:
        is_read = pair.sidecar is None or pair.sidecar in answers
        if not (is_read and pair.files <= settling.settled):
            continue
        try:
            answer = answers[pair.sidecar] if pair.sidecar else None
            found.append(pair_candidate(pair, entries[pair.audio], entries[pair.video], answer))
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            reason = faults.log(f"inbox/{pair.name}", error)
            why = f"is left alone: {reason}"
            unhandled.append(InboxNotice(pair.name, why, True, remedy=REPLACE_REMEDY))
    return found, unhandled


def pair_candidate(
    pair: Pair, audio: FileEntry, video: FileEntry, answer: SidecarAnswer | None
) -> Candidate:
    """Return a pair as a candidate. ``answer``: what its sidecar says."""
    arrived_ns = max(audio.ctime_ns, video.ctime_ns)
    priority = answer.options.priority if answer else 0
    own = {pair.sidecar.name: answer} if pair.sidecar and answer else {}
    return Candidate(pair.name, pair, priority, arrived_ns, audio.owner, own)
