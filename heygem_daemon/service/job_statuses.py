"""The entries of the status for claimed jobs. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from heygem_daemon.gpu.placement import DeviceChoice, join_labels
from heygem_daemon.protocol import Progress
from heygem_daemon.report.stages import LOADING
from heygem_daemon.report.status import JobStatus
from heygem_daemon.report.waiting import PUBLISHING, TURN
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.service.running_jobs import RunningJob
from heygem_daemon.service.runtime import Clock
from heygem_daemon.service.sidecar_mistakes import queued_mistake
from heygem_daemon.service.snapshot import DispatchSnapshot
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.ownership import person_name


def job_statuses(
    snapshot: DispatchSnapshot, clock: Clock, faults: ItemFaults
) -> Iterator[JobStatus]:
    """Return the status of every claimed job: running, being published, queued. A batch member that
    waits for its turn alone is left out; its batch's status counts it."""
    return faults.collect(
        _job_entries(snapshot, clock),
        lambda entry: entry[1](),
        lambda entry: f"the status of job {entry[0].id}",
    )


def _job_entries(
    snapshot: DispatchSnapshot, clock: Clock
) -> Iterator[tuple[Job, Callable[[], JobStatus]]]:
    """Yield the jobs of the status, each with a function that makes its entry."""
    for running in snapshot.running:
        assistants = snapshot.assistants(running.job.id)
        yield running.job, partial(_running_status, running, assistants, clock.monotonic())
    for ended in snapshot.pending:
        retry = _retry_fields(ended.retry_at if ended.faults else None, clock)
        update = {"state": "publishing", "reason": ended.reason or PUBLISHING, **retry}
        yield ended.running.job, partial(_queued_status, ended.running.job, update)
    jobs = [*snapshot.running_jobs, *(each.job for each in snapshot.queued)]
    active = {printable(each.title) for each in jobs}
    explained_engines: set[str | None] = set()
    own_before: Counter[str] = Counter()
    for jobs_before, queued in enumerate(snapshot.queued):
        rest = snapshot.rest_in(queued.folder)
        retry = {} if rest else _retry_fields(queued.ready_at, clock)
        others = jobs_before - own_before[queued.job.journal.folder]
        own_before[queued.job.journal.folder] += 1
        if queued.job.journal.member is not None and not (queued.reason or queued.first):
            continue
        engine = queued.job.journal.options.engine
        # The first job of an engine says what all of them wait for, the others for their turn.
        shared = None if engine in explained_engines else snapshot.wait_reasons[engine]
        explained_engines.add(engine)
        # Before its hours a job is not tried: what it lacked last may be there when they begin.
        mistake = queued_mistake(queued.job.journal)
        own_reason = mistake or rest or queued.reason
        update = {
            "state": "deferred" if retry else "paused" if queued.first else "queued",
            "percent": queued.job.journal.percent or None,
            "first": queued.first if queued.first in active else "",
            "reason": own_reason or (None if queued.first else shared) or TURN,
            "others": 0 if rest else others,
            "rests": rest is not None,
            "is_mistaken": bool(mistake),
            **retry,
        }
        yield queued.job, partial(_queued_status, queued.job, update)


def _running_status(
    running: RunningJob, assistants: Sequence[DeviceChoice], now: float
) -> JobStatus:
    left = running.shown_left(now)
    progress = running.progress or Progress(job_id=running.job.id, stage="probe")
    return _queued_status(
        running.job,
        {
            "state": "running",
            "device": join_labels([running.device, *assistants]),
            "device_uuid": running.device.uuid,
            "node": running.device.node,
            "slot": None if running.device.uuid else running.device.slot,
            "stage": progress.stage if running.progress else LOADING,
            "chunk": progress.chunk,
            "chunks": progress.chunks,
            "frames": progress.frames,
            "total_frames": progress.total_frames,
            "percent": running.percent or None,
            "left_seconds": None if left is None else round(left),
            "fps": progress.fps,
            "started": running.started,
            "progress_at": running.started + running.progress_at - running.began_at,
        },
    )


def _queued_status(job: Job, update: Mapping[str, object]) -> JobStatus:
    status = JobStatus(
        id=job.id,
        name=printable(job.title),
        state="queued",
        attempt=job.journal.attempts,
        priority=job.journal.options.priority,
        folder=printable(job.journal.folder),
        dropped_by=person_name(job.journal.owner),
    )
    return status.model_copy(update=update)


def _retry_fields(until: float | None, clock: Clock) -> dict[str, object]:
    """The fields of a job that waits until monotonic time ``until``; none where that is past."""
    seconds = (until or 0.0) - clock.monotonic()
    if until is None or seconds <= 0:
        return {}
    return {"retry_seconds": round(seconds, 1), "retry_at": float(round(clock.wall() + seconds))}
