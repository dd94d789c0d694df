"""How much runs and waits in all, and how long it will take, in words. Pure."""

from statistics import fmean

from heygem_daemon.counts import counted
from heygem_daemon.durations import roughly
from heygem_daemon.report.status import Status

MIN_SAMPLES = 3
"""How many finished jobs a pace needs at least."""

MAX_SAMPLES = 20
"""How many of the last finished jobs count."""


def describe_totals(status: Status) -> str:
    """Return '2 jobs run, 5 min left. 27 pairs wait, about 2 h 10 min in all at the pace of the
    last 20 jobs.'; empty if nothing runs or waits."""
    running = [job for job in status.jobs if job.state == "running"]
    sentences = []
    if running:
        left = [job.left_seconds for job in running]
        known = [seconds for seconds in left if seconds is not None]
        until = f", {roughly(max(known))} left" if known and len(known) == len(left) else ""
        count = counted(len(running), "1 job runs", "{count} jobs run")
        sentences.append(f"{count}{until}.")
    if backlog := status.backlog.sentence():
        pace = _describe_pace(status, len(running))
        sentences.append(f"{backlog[0].upper()}{backlog[1:]}{pace}.")
    return " ".join(sentences)


def _describe_pace(status: Status, lanes: int) -> str:
    """Return how long the waiting pairs will take if they are like the last jobs; empty: nothing is
    known. ``lanes``: how many jobs run at the same time."""
    published = [job for job in status.finished if job.outcome == "published" and job.seconds]
    last, backlog = published[:MAX_SAMPLES], status.backlog
    if len(last) < MIN_SAMPLES or not backlog.pair_count:
        return ""
    count, timed = backlog.pair_count, [job for job in last if job.length > 0]
    seconds = 0.0
    if timed:  # a long sound takes longer than a short one
        ratio = sum(job.seconds for job in timed) / sum(job.length for job in timed)
        count, seconds = count - backlog.known_pairs, ratio * backlog.known_seconds
    seconds = (seconds + fmean(job.seconds for job in last) * count) / max(1, lanes)
    return f", about {roughly(seconds)} of work at the pace of the last {len(last)} jobs"
