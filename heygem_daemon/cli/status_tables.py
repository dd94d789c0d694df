"""The tables of ``status``."""

from collections.abc import Iterator, Sequence

from heygem_daemon.cli.output import own_language, print_table, say, size, time_of_day
from heygem_daemon.durations import roughly
from heygem_daemon.page.inbox_lines import inbox_lines
from heygem_daemon.report.backlog import CLAIMABLE
from heygem_daemon.report.status import DeviceStatus, InboxStatus, JobStatus, Status
from heygem_daemon.report.waiting import waiting_in_order

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
    _print_more(status.unlisted.jobs + status.unlisted.ready)
    print_table("Inbox", ("file", "waits"), inbox_rows(status.inbox))
    _print_more(status.unlisted.inbox - status.unlisted.ready)
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
    # Translated for itself: its comma is none between two parts.
    device = own_language()(job.device or "")
    return ", ".join([*parts, f"runs on {device}"])


def _clause(sentence: str) -> str:
    """Return the sentence as it can follow 'because'. A name such as GPU at its start stays upper
    case."""
    starts_with_word = sentence[:2].istitle() or sentence[:2] in {"A ", "I "}
    start = sentence[:1].lower() if starts_with_word else sentence[:1]
    return (start + sentence[1:]).removesuffix(".")


def job_rows(status: Status) -> Iterator[JobRow]:
    """Yield a row for each pair that is complete: those that run, then those that wait with their
    place, claimed or in the inbox."""
    for job in status.jobs:
        if job.state == "running":
            yield "", job.name, *_job_row(job)
    for waiting in waiting_in_order(status):
        entry, place = waiting.entry, waiting.place or ""
        if isinstance(entry, JobStatus):
            yield place, entry.name, *_job_row(entry)
        elif isinstance(entry, InboxStatus):
            yield place, entry.name, "", "in the inbox", "", entry.reason
        elif waiting.place:
            yield place, f"{entry.name}/", entry.id, own_language()("queued"), "", entry.progress


def _job_row(job: JobStatus) -> tuple[object, ...]:
    return job.id, own_language()(job.state), job.attempt or "", progress_text(job)


def inbox_rows(entries: Sequence[InboxStatus]) -> Iterator[tuple[str, str]]:
    """Yield a row for what in the inbox is not complete or needs a person. Files that belong
    together are one row."""
    for line in inbox_lines(each for each in entries if each.waits_for not in CLAIMABLE):
        yield line.name, "; ".join(line.reasons)
