"""What is said of a sidecar whose job is being made or has ended, and of what is like a request for
a job that has ended: that it came too late. Pure.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.kept import IsThere, is_kept
from heygem_daemon.service.inbox_view import InboxView
from heygem_daemon.service.lone_sidecars import LoneSidecar
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.service.snapshot import DispatchSnapshot
from heygem_daemon.service.targets import keys_of_job, owner_uid
from heygem_daemon.service.turns import owner_name
from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.names import fold, pair_key, printable, split_extension
from heygem_daemon.spool.ownership import may_decide
from heygem_daemon.spool.request_names import request_meant
from heygem_daemon.spool.requests import full_name


def say_what_came_too_late(
    view: InboxView,
    snapshot: DispatchSnapshot,
    trusted: Collection[int],
    is_there: IsThere,
    *,
    heeds_requests: bool = True,
) -> InboxView:
    """Return the view with another notice for each lone sidecar of a job that takes it no more, and
    for each misspelt request that can mean nothing any more.
    ``trusted``: the user ids whose sidecars count for everybody's files; ``is_there``: whether a
    path below the spool's root exists; ``heeds_requests``: whether people may ask for another
    try."""
    lone = [each for each in view.lone_sidecars if request_meant(each.entry.path.name) is None]
    misspelt = [each for each in view.waiting if heeds_requests and _meant(each) is not None]
    if not lone and not misspelt:
        return view
    wanted = {each.key for each in lone} | set(map(_key_meant, misspelt))
    named = (each for each in snapshot.tally.finished if fold(each.name) in wanted)
    ended = _lines_of_ended(each for each in named if is_kept(each, is_there))
    running = _owners_of_running(snapshot)
    changed = dict(_without_a_job(misspelt, view, snapshot, ended))
    for each in lone:
        uid, line = each.entry.owner, owner_name(each.entry.owner, each.hot_folder.name)
        if any(may_decide(uid, owner, trusted) for owner in running.get(each.key, ())):
            notice = _notice(each, is_running=True, heeds_requests=heeds_requests)
        elif (lines := ended.get(each.key)) and (line in lines or uid in trusted):
            notice = _notice(each, is_running=False, heeds_requests=heeds_requests)
        else:
            continue
        folder = each.hot_folder.name
        shown = notice.in_folder(folder) if folder else notice
        changed[shown.name] = shown
    return view.with_notices(changed)


def _without_a_job(
    misspelt: Iterable[InboxNotice],
    view: InboxView,
    snapshot: DispatchSnapshot,
    ended: Collection[str],
) -> Iterator[tuple[str, InboxNotice]]:
    """Yield another notice, with its name, for each misspelt request to cancel or hurry a job that
    has ended. ``ended``: the folded names of the jobs that have."""
    claimed = (*snapshot.running_jobs, *(each.job for each in snapshot.queued))
    active = {key for job in claimed for key in keys_of_job(job, {})}
    active |= {fold(each.title) for each in view.ready}
    active |= {pair_key(name) for name in view.arrivals if media_kind(name)}
    active |= {fold(each.name) for each in view.waiting if each.awaited is not None}
    for each in misspelt:
        meant = _meant(each) or ""
        name, _, verb = meant.rpartition(".")
        key = _key_meant(each)
        if verb in ("cancel", "hurry") and key in ended and key not in active:
            reason = (
                f"is no request; did you mean {printable(meant)}? The job {printable(name)} has"
                " ended: delete this file"
            )
            yield each.name, replace(each, reason=reason, is_warning=False, waits_for=None)


def _key_meant(notice: InboxNotice) -> str:
    """Return the folded name of the job that was probably meant."""
    name, _, _ = (_meant(notice) or "").rpartition(".")
    return fold(full_name(notice.folder, name))


def _meant(notice: InboxNotice) -> str | None:
    """Return the name of the request that was probably meant by what needs a person; None: it is
    like none."""
    if not notice.is_warning:
        return None
    return request_meant(notice.name.removeprefix(f"{notice.folder}/"))


def _owners_of_running(snapshot: DispatchSnapshot) -> Mapping[str, Collection[int | None]]:
    """Return the user ids of the owners of the single jobs under way, by the jobs' folded names."""
    found: defaultdict[str, set[int | None]] = defaultdict(set)
    for job in chain(snapshot.running_jobs, (each.running.job for each in snapshot.pending)):
        for key in keys_of_job(job, {}) if job.journal.member is None else ():
            found[key].add(owner_uid(job))
    return found


def _lines_of_ended(jobs: Iterable[FinishedJob]) -> Mapping[str, Collection[str]]:
    """Return whose single jobs have ended, by the jobs' folded names."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for job in jobs:
        if not job.batch_id:
            found[fold(job.name)].add(job.owner)
    return found


def _notice(sidecar: LoneSidecar, *, is_running: bool, heeds_requests: bool) -> InboxNotice:
    name = printable(sidecar.entry.path.name)
    job = printable(split_extension(sidecar.entry.path.name)[0])
    if is_running:
        reason = f"came too late for the job {job}, which is being made without it"
        remedy = (
            "To have it made again with these options, wait until it has ended, and then rename"
            f" this file to {job}.retry."
        )
    else:
        reason = f"has no sound and no video beside it, and the job {job} has ended"
        remedy = (
            "To have that job made again with these options, rename this file to"
            f" {job}.retry; for a new job, put its sound and its video beside this file."
        )
    if not heeds_requests:
        remedy = "For a job with these options, put its sound and its video beside this file."
    mistake = (sidecar.answer.refusal, sidecar.answer.remedy)
    return InboxNotice(name, reason, True, remedy=" ".join(filter(None, (remedy, *mistake))))
