"""Finds the jobs that sidecars belong to which came after the claim."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from heygem_daemon.config.job_options import OWN_SOUND
from heygem_daemon.service.lone_sidecars import LoneSidecar
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.targets import keys_of_job, owner_uid
from heygem_daemon.spool.new_options import has_own_sound
from heygem_daemon.spool.ownership import may_decide


def find_late_sidecars(
    lone: Iterable[LoneSidecar], queued: Iterable[QueuedJob], trusted: Collection[int]
) -> Iterator[tuple[QueuedJob, LoneSidecar]]:
    """Yield each sidecar that is named after one single job that waits and counts for it, with that
    job. One that asks for a video's own sound comes too late for a pair that has been made."""
    sidecars = list(lone)
    if not sidecars:
        return
    by_key: defaultdict[str, list[QueuedJob]] = defaultdict(list)
    for each in queued:
        if each.job.journal.member is None:
            for key in keys_of_job(each.job, {}):
                by_key[key].append(each)
    for sidecar in sidecars:
        found = by_key[sidecar.key]
        if len(found) != 1:
            continue
        job = found[0].job
        is_late = sidecar.answer.options.audio == OWN_SOUND and not has_own_sound(job.journal)
        if not is_late and may_decide(sidecar.entry.owner, owner_uid(job), trusted):
            yield found[0], sidecar
