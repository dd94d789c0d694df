"""What is said of a file without its partner that lies with a job of its name that failed. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.kept import IsThere, is_kept
from heygem_daemon.service.inbox_view import InboxView
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.service.turns import owner_name
from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.names import fold, split_extension


def say_where_the_other_half_is(
    view: InboxView, finished: Iterable[FinishedJob], is_there: IsThere
) -> InboxView:
    """Return the view with what to do for each lone file of whose name a single job of the same
    person failed: most often it is the corrected one. ``finished``: the jobs that ended, the newest
    first; ``is_there``: whether a path below the spool's root exists."""
    lone = [each for each in view.waiting if each.waits_for == "partner" and _stem(each)]
    failed: dict[tuple[str, str], FinishedJob] = {}
    for job in finished if lone else ():
        if job.outcome == "failed" and not job.batch_id:
            failed.setdefault((fold(job.name), job.owner), job)
    changed = {}
    for each in lone:
        found = failed.get((fold(_stem(each)), owner_name(each.owner, each.folder)))
        if found is not None and is_there(found.path) and is_kept(found, is_there):
            changed[each.name] = replace(each, remedy=_remedy(each, found))
    return view.with_notices(changed) if changed else view


def _stem(notice: InboxNotice) -> str:
    """Return a medium's name without its extension, with that of its hot folder; empty: it is no
    medium."""
    return split_extension(notice.name)[0] if media_kind(notice.name) else ""


def _remedy(notice: InboxNotice, job: FinishedJob) -> str:
    place = job.path
    if media_kind(notice.name) == "audio":
        return (
            f"The video of the job that failed is in {place}: copy it into the inbox, too, or drop"
            " it again."
        )
    return (
        f"The sound of the job that failed is in {place}: copy it into the inbox, too, or drop it"
        " again."
    )
