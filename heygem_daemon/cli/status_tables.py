"""The tables of ``status``."""

from collections.abc import Iterator, Sequence

from heygem_daemon.cli.output import own_language, print_table, say, size, time_of_day
from heygem_daemon.durations import roughly
from heygem_daemon.report.backlog import CLAIMABLE
from heygem_daemon.report.status import DeviceStatus, InboxStatus, JobStatus, Status
from heygem_daemon.spool.names import pair_key

JobRow = tuple[object, ...]
"""Place, name, id, state, attempt, progress."""


def print_tables(status: Status) -> None:
    """Print what runs and what waits, in the order in which jobs start."""
    print_table(
        "Batches",
        ("name", "id", "progress"),
        ((each.name, each.id, each.progress) for each in status.batches),
    )
    _print_more(status.unlisted.batches)
    print_table("Jobs", ("", "name", "id", "state", "attempt", "progress"), job_rows(status))
    _print_more(status.unlisted.jobs)
    print_table("Inbox", ("file", "waits"), inbox_rows(status.inbox))
    _print_more(status.unlisted.inbox)
    print_table(
        "Devices",
        ("device", "job", "free", "of", "use", "temp", "power", "worker memory", "UUID", ""),
        (_device_row(device) for device in status.devices),
    )
    _print_more(status.unlisted.devices)
    print_table(
        "Warnings",
        ("device", "job", "warning"),
        ((each.device, each.job, each.text) for each in status.warnings),
    )
    _print_more(status.unlisted.warnings)


def _print_more(count: int) -> None:
    """Say how many entries of a list the status leaves out."""
    if count:
        say(f"and {count} more")


def _device_row(device: DeviceStatus) -> tuple[str, ...]:
    worker_bytes = device.worker_vram_bytes or device.worker_rss_bytes
    return (
        device.label or device.name,
        ", ".join(device.jobs) or ("idle, engine loaded" if device.resident else "-"),
        size(device.free_bytes) if device.uuid else "-",
        size(device.total_bytes) if device.uuid else "-",
        _with_unit(device.utilisation, "%"),
        _with_unit(device.temperature, "°C"),
        _with_unit(device.power, "W"),
        size(worker_bytes) if device.resident else "-",
        device.uuid or "-",
        device.fault or ", ".join(device.throttled),
    )


def _with_unit(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.0f} {unit}"


def progress_text(job: JobStatus) -> str:
    """Return how far a job is, or what it waits for."""
    if job.state != "running":
        reason = job.reason or ""
        if job.retry_at is None:
            return reason
        return f"waits until {time_of_day(job.retry_at)} because {_clause(reason)}"
    parts = [own_language()(job.stage or "")]
    if job.chunks:
        parts.append(f"chunk {job.chunk}/{job.chunks}")
    if job.total_frames:
        parts.append(f"{100 * job.frames // job.total_frames} %")
    if job.left_seconds is not None:
        parts.append(f"{roughly(job.left_seconds)} left")
    if job.fps:
        parts.append(f"{job.fps:.1f} fps")
    return ", ".join([*parts, f"runs on {job.device}"])


def _clause(sentence: str) -> str:
    """Return the sentence as it can follow 'because'. A name such as GPU at its start stays upper
    case."""
    starts_with_word = sentence[:2].istitle() or sentence[:2] in {"A ", "I "}
    start = sentence[:1].lower() if starts_with_word else sentence[:1]
    return (start + sentence[1:]).removesuffix(".")


def job_rows(status: Status) -> Iterator[JobRow]:
    """Yield a row for each pair that is complete: those that run, then those that wait with their
    place, claimed or in the inbox."""
    place = 0
    for job in status.jobs:
        place += job.state != "running"
        where = "" if job.state == "running" else place
        state = own_language()(job.state)
        yield where, job.name, job.id, state, job.attempt or "", progress_text(job)
    place += status.unlisted.jobs
    for entry in status.inbox:
        if entry.waits_for in CLAIMABLE:
            place += 1
            yield place, entry.name, "", "in the inbox", "", entry.reason


def inbox_rows(entries: Sequence[InboxStatus]) -> Iterator[tuple[str, str]]:
    """Yield a row for each name in the inbox that is not complete or needs a person. Files of one
    pair that are still arriving are one row."""
    pairs: dict[object, list[InboxStatus]] = {}
    for number, entry in enumerate(entries):
        if entry.waits_for not in CLAIMABLE:
            is_arriving = entry.waits_for == "upload"
            pairs.setdefault(pair_key(entry.name) if is_arriving else number, []).append(entry)
    for group in pairs.values():
        reasons = dict.fromkeys(entry.reason for entry in group)
        yield ", ".join(entry.name for entry in group), "; ".join(reasons)
