"""Counts what waits, and for what, in the inbox and among the claimed jobs. Pure."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from heygem_daemon.report.backlog import Backlog, WaitFor
from heygem_daemon.service.inbox_view import InboxView
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.snapshot import DispatchSnapshot


def build_backlog(snapshot: DispatchSnapshot, inbox: InboxView, now: float, wall: float) -> Backlog:
    """Return what waits at monotonic time ``now``, which is the UNIX time ``wall``."""
    pairs: Counter[WaitFor] = Counter(_wait_of(each, snapshot, now) for each in snapshot.queued)
    pairs["publication"] += len(snapshot.pending)
    claimed = _present(pairs)
    folders = [each for each in inbox.ready if isinstance(each.source, Path)]
    for each in inbox.ready:
        if not isinstance(each.source, Path):
            pairs["turn" if snapshot.rest_in(each.hot_folder.name) is None else "hours"] += 1
    seconds = [each.seconds for each in snapshot.queued] + [each.seconds for each in inbox.ready]
    lengths = [each for each in seconds if each > 0]
    waiting = (*inbox.waiting, *inbox.mistakes)
    files = Counter(each.awaited for each in waiting if each.awaited is not None)
    came = [
        *((each.job.journal.folder, each.job.journal.claimed_at) for each in snapshot.queued),
        *((each.hot_folder.name, each.arrived_ns / 1e9) for each in inbox.ready),
    ]
    return Backlog(
        pairs=_present(pairs),
        claimed=claimed,
        folders=len(folders),
        known_pairs=len(lengths),
        known_seconds=sum(lengths),
        files=dict(sorted(files.items())),
        oldest=_find_oldest(came, snapshot, wall),
        resting=_find_rest({folder for folder, _ in came}, snapshot, wall),
    )


def _find_rest(folders: Iterable[str], snapshot: DispatchSnapshot, wall: float) -> str | None:
    """Return until when the first of these hot folders rests, if one has hours of its own."""
    ends = {
        folder: snapshot.hours_of(folder).closed_until(wall) or wall
        for folder in sorted(folders)
        if folder in snapshot.rests and snapshot.rest_in(folder) is not None
    }
    return snapshot.rest_in(min(ends, key=ends.__getitem__)) if ends else None


def _find_oldest(
    came: Iterable[tuple[str, float]], snapshot: DispatchSnapshot, wall: float
) -> float | None:
    """Return from when the longest wait counts: as long ago as it lasted in active hours. None:
    nothing waits. ``came``: folders, and UNIX times of arrival."""
    first: dict[str, float] = {}
    for folder, at in came:
        first[folder] = min(at, first.get(folder, at))
    waited = [
        *(snapshot.hours_of(each).open_seconds(at, wall) for each, at in first.items()),
        *(wall - each.finished for each in snapshot.pending),  # at any hour
    ]
    longest = max(waited, default=None)
    return None if longest is None else wall - longest


def _present(counts: Counter[WaitFor]) -> dict[WaitFor, int]:
    return {kind: count for kind, count in sorted(counts.items()) if count}


def find_common_fault(snapshot: DispatchSnapshot, now: float) -> str | None:
    """Return why nothing gets on: results cannot be signed; or none of the claimed jobs runs, and
    each waits for the next try after a fault of its environment. None: that is not so."""
    if snapshot.signing_fault is not None or snapshot.running:
        return snapshot.signing_fault
    waits = [
        *((each.reason, each.faults > 0) for each in snapshot.pending),
        *(
            (each.reason, each.faults > 0 and each.ready_at > now)
            for each in snapshot.queued
            if snapshot.rest_in(each.folder) is None
        ),
    ]
    if not waits or not all(has_fault for _, has_fault in waits):
        return None
    return waits[0][0]


def _wait_of(queued: QueuedJob, snapshot: DispatchSnapshot, now: float) -> WaitFor:
    if snapshot.rest_in(queued.job.journal.folder) is not None:
        return "hours"
    if queued.ready_at > now:
        return "pause"
    if queued.reason is not None and queued.waits_for is not None:
        return queued.waits_for
    if snapshot.running:  # the devices are busy with the daemon's own jobs
        return "turn"
    engine = queued.job.journal.options.engine
    return "turn" if snapshot.wait_reasons.get(engine) is None else "device"
