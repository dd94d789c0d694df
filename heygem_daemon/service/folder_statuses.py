"""What the page of each hot folder shows: the folder's own, and of all others no more than how many
jobs go first. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from heygem_daemon.report.backlog import CLAIMABLE, Backlog
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.finished import FinishedBatch, FinishedJob
from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.report.status import InboxStatus, JobStatus, Status
from heygem_daemon.report.status_file import shorten
from heygem_daemon.report.waiting import common_hold
from heygem_daemon.service.estimates import Estimates
from heygem_daemon.service.inbox_view import InboxView, RestIn, never_rests
from heygem_daemon.service.last_ended import LastEnded
from heygem_daemon.spool.places import name_own_shares

MAX_ENTRIES = 100
"""How many entries each list of such a page has at most."""

COMMON_HOLD = "the server cannot work at the moment; who operates it can see why"
"""What a folder's page says where the reason may name other people's files."""

BUSY = "at work"
"""What it says of a device in place of the names of its jobs."""

T = TypeVar("T", JobStatus, BatchStatus, InboxStatus, RequestStatus)


@dataclass(frozen=True, slots=True)
class Everything:
    """What there is of all folders."""

    status: Status
    """Whose lists may be cut."""

    jobs: tuple[JobStatus, ...]
    """All claimed jobs, in their order."""

    queued: Counter[str]
    """How many claimed jobs wait, by hot folder."""

    inbox: InboxView
    finished: LastEnded[FinishedJob]
    finished_batches: LastEnded[FinishedBatch]

    hold: str | None
    """Why nothing starts, if that names nobody's files."""

    rest_in: RestIn = never_rests
    """Until when no job of a hot folder starts, in words; None: they may start."""

    estimates: Estimates = field(default_factory=Estimates)
    """When the complete entries of the inboxes start and are ready."""


def folder_statuses(everything: Everything, folders: Iterable[str]) -> Iterator[tuple[str, Status]]:
    """Yield the name of each hot folder with the status for its page. What runs or waits is named
    without the folder."""
    jobs: dict[str, list[JobStatus]] = {}
    for job in everything.jobs:
        jobs.setdefault(job.folder, []).append(job)
    others = _others_before(everything)
    shared = _shared(everything)
    for name in folders:
        view = everything.inbox.of_folders.get(name, InboxView())
        inbox, _ = shorten(tuple(_inbox(name, view, others.get(name, ()), everything)))
        found = jobs.get(name, [])
        own, _ = shorten([_own_job(each, name) for each in found[:MAX_ENTRIES]])
        batches = (each for each in everything.status.batches if each.folder == name)
        update = {
            **shared,
            "jobs": own,
            "inbox": inbox,
            "batches": tuple(_named(each, name) for each in batches),
            "backlog": _backlog(found, view),
            "requests": tuple(
                _own_answer(each, name)
                for each in everything.status.requests
                if each.folder == name
            ),
            "finished": everything.finished.of_folder(name),
            "finished_batches": everything.finished_batches.of_folder(name),
            "unlisted": view.unlisted(inbox).model_copy(update={"jobs": len(found) - len(own)}),
        }
        yield name, everything.status.model_copy(update=update)


def _shared(everything: Everything) -> dict[str, object]:
    """Return what all of these pages say alike."""
    hold = common_hold(everything.status) and (everything.hold or COMMON_HOLD)
    devices = tuple(
        each.model_copy(update={"jobs": (BUSY,) if each.jobs else ()})
        for each in everything.status.devices
    )
    common = {"warnings": (), "unwritten": (), "settings_note": None}
    return {"hold": hold, "devices": devices, **common}


def _others_before(everything: Everything) -> dict[str, list[int]]:
    """Return for the complete entries of each inbox, in their order, how many jobs from elsewhere
    go first."""
    queued, all_queued = everything.queued, everything.queued.total()
    passed: Counter[str] = Counter()
    found: dict[str, list[int]] = {}
    for number, candidate in enumerate(everything.inbox.ready):
        folder = candidate.hot_folder.name
        others = all_queued - queued[folder] + number - passed[folder]
        passed[folder] += 1
        found.setdefault(folder, []).append(others)
    return found


def _inbox(
    name: str, view: InboxView, others: Sequence[int], everything: Everything
) -> Iterator[InboxStatus]:
    """Yield the entries of a folder's inbox. ``others``: what goes before its complete ones."""
    counts = iter(others)
    entries = view.list_entries(MAX_ENTRIES, everything.rest_in)
    for each in everything.estimates.of_inbox(entries):
        entry = _named(each, name)
        if each.waits_for in CLAIMABLE:
            before = next(counts, 0)
            entry = entry.model_copy(update={"others": 0 if each.waits_for == "hours" else before})
        yield entry


def _backlog(jobs: Sequence[JobStatus], view: InboxView) -> Backlog:
    waiting = sum(each.state != "running" for each in jobs) + len(view.ready)
    notices = (*view.waiting, *view.mistakes)
    files = Counter(each.awaited for each in notices if each.awaited is not None)
    return Backlog(pairs={"turn": waiting} if waiting else {}, files=dict(sorted(files.items())))


def _own_job(job: JobStatus, folder: str) -> JobStatus:
    """Return a job as ``_named`` does, which names nobody else's."""
    prefix = f"{folder}/"
    first = job.first.removeprefix(prefix) if job.first.startswith(prefix) else ""
    return _named(job, folder).model_copy(update={"first": first})


def _own_answer(request: RequestStatus, folder: str) -> RequestStatus:
    """Return a request as ``_named`` does, with what its people call their shares."""
    update = {"text": name_own_shares(request.text, folder)}
    return _named(request, folder).model_copy(update=update)


def _named(entry: T, folder: str) -> T:
    """Return an entry whose name does not begin with that of its hot folder."""
    return entry.model_copy(update={"name": entry.name.removeprefix(f"{folder}/")})
