"""The metrics of jobs and of the inbox. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import get_args

from heygem_daemon.report.backlog import WaitFor, state_of
from heygem_daemon.report.failure_kind import FailureKind
from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.metric import (
    Metric,
    Samples,
    by_key,
    counter,
    device_value,
    gauge,
    one,
    ratio,
)
from heygem_daemon.report.status import JobStatus, Status


def _jobs(status: Status) -> Samples:
    yield ("running", ""), sum(job.state == "running" for job in status.jobs)
    for reason in get_args(WaitFor):
        if (state := state_of(reason)) is not None:
            yield (state, reason), status.backlog.claimed.get(reason, 0)


def _ended(status: Status) -> dict[str, float]:
    return {"published": status.counts.published, "failed": status.counts.failed}


def _failures(status: Status) -> dict[str, float]:
    return {kind: status.counts.failures.get(kind, 0) for kind in get_args(FailureKind)}


def _running(status: Status) -> Iterator[tuple[tuple[str, str], JobStatus]]:
    """Yield the running jobs with their labels: the device, and the slot of the CPU or, on a GPU, a
    number from 1 among the jobs that run on it. Names of jobs are users' own, and would make ever
    more series."""
    slots: Counter[str] = Counter()
    for job in status.jobs:
        if job.state == "running":
            device = device_value(job.device_uuid, job.node)
            slots[device] += 1
            yield (device, str(job.slot or slots[device])), job


def _of_running(value: Callable[[JobStatus], float | None]) -> Callable[[Status], Samples]:
    return lambda status: [(labels, value(job)) for labels, job in _running(status)]


def _running_stages(status: Status) -> Samples:
    for (device, slot), job in _running(status):
        yield (device, slot, job.stage or "load"), 1


def _members(status: Status) -> float:
    return sum(each.members - each.published - each.failed for each in status.batches)


def _last(value: Callable[[FinishedJob], float | None]) -> Callable[[Status], Samples]:
    """Return the reader of a figure of the last published job."""

    def read(status: Status) -> Samples:
        job = _last_published(status)
        return [] if job is None else [((), value(job))]

    return read


def _last_stages(status: Status) -> Samples:
    job = _last_published(status)
    return [] if job is None else [((key,), value) for key, value in job.stage_seconds.items()]


def _last_published(status: Status) -> FinishedJob | None:
    return next((each for each in status.finished if each.outcome == "published"), None)


JOB_METRICS: tuple[Metric, ...] = (
    gauge(
        "jobs",
        "Claimed jobs that have not ended, by state and by what they wait for.",
        _jobs,
        ("state", "reason"),
    ),
    counter("jobs_total", "Jobs that have ended, by outcome.", by_key(_ended), ("outcome",)),
    counter("failures_total", "Failed jobs, by reason.", by_key(_failures), ("reason",)),
    counter(
        "attempts_total",
        "Attempts, by how they ended.",
        by_key(lambda s: s.counts.attempts),
        ("end",),
    ),
    counter(
        "stage_seconds_total",
        "Seconds that attempts spent in each stage, also those that failed.",
        by_key(lambda s: s.counts.stage_seconds),
        ("stage",),
    ),
    counter("frames_total", "Output frames drawn.", one(lambda s: s.counts.frames)),
    gauge(
        "running_stage",
        "1 for the stage of each running job.",
        _running_stages,
        ("device", "slot", "stage"),
    ),
    gauge(
        "running_progress_ratio",
        "Share of the frames of each running job that are done.",
        _of_running(lambda job: job.frames / job.total_frames if job.total_frames else None),
        ("device", "slot"),
    ),
    gauge(
        "running_fps",
        "Output frames per second of each running job since its drawing began.",
        _of_running(lambda job: job.fps or None),
        ("device", "slot"),
    ),
    gauge(
        "running_start_time_seconds",
        "When each running job's attempt started, UNIX time.",
        _of_running(lambda job: job.started),
        ("device", "slot"),
    ),
    gauge(
        "running_progress_time_seconds",
        "When each running job last made progress, UNIX time.",
        _of_running(lambda job: job.progress_at),
        ("device", "slot"),
    ),
    gauge(
        "batches",
        "Batches under way.",
        one(lambda s: len(s.batches) + s.unlisted.batches),
    ),
    gauge("batch_members", "Members of these batches that have not ended.", one(_members)),
    gauge(
        "inbox_entries",
        "Entries of the inbox that are not claimed.",
        one(lambda s: len(s.inbox) + s.unlisted.inbox),
    ),
    gauge(
        "waiting",
        "What waits, claimed or in the inbox, by what it waits for.",
        by_key(lambda s: s.backlog.counts()),
        ("for",),
    ),
    gauge("waiting_pairs", "Complete pairs that wait.", one(lambda s: s.backlog.pair_count)),
    gauge(
        "needing_attention",
        "Entries of the inbox that a person must see.",
        one(lambda s: s.backlog.needs_attention),
    ),
    gauge(
        "oldest_waiting_time_seconds",
        "From when the longest wait of complete pairs and folders counts, UNIX time: only active"
        " hours do. None waits: no value.",
        one(lambda s: s.backlog.oldest),
    ),
    gauge(
        "last_job_end_time_seconds",
        "When the last job was published, UNIX time.",
        _last(lambda job: job.finished),
    ),
    gauge(
        "last_job_seconds",
        "Duration of the last published job's last attempt.",
        _last(lambda job: job.seconds),
    ),
    gauge("last_job_frames", "Frames of the last published result.", _last(lambda job: job.frames)),
    gauge(
        "last_job_stage_seconds",
        "Duration of each stage of the last published job.",
        _last_stages,
        ("stage",),
    ),
    gauge(
        "last_job_gpu_utilization_ratio",
        "Mean use of the last published job's GPU while the engine worked.",
        _last(lambda job: ratio(job.utilisation)),
    ),
)
