"""The tables of ``status``."""

from collections.abc import Iterator, Sequence

from heygem_daemon.cli.output import own_language, print_table, say, size
from heygem_daemon.durations import roughly
from heygem_daemon.page.forms import local_time
from heygem_daemon.page.inbox_lines import inbox_lines
from heygem_daemon.report.stages import STAGES
from heygem_daemon.report.status import DeviceStatus, InboxStatus, JobStatus, Status
from heygem_daemon.report.waiting import PlacedEntry, cannot_start, none_waits, waiting_in_order

JobRow = tuple[object, ...]

NEEDS_PERSON = "Cannot start: somebody has to do something"
LOOKS = "In the inbox, being looked at"
ARRIVING = "In the inbox, not complete yet"


def print_tables(status: Status) -> None:
    """Print what runs and what waits, in the order in which jobs start."""
    print_table(
        "Batches",
        ("name", "id", "progress"),
        ((each.name, each.id, each.progress) for each in status.batches),
    )
    _print_more(status.unlisted.batches)
    _print_sections(status)
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


def _print_sections(status: Status) -> None:
    """Print the sections of the status page, by its words and with its counts."""
    unlisted = status.unlisted
    running = list(running_rows(status))
    print_table("Being made now", ("name", "id", "attempt", "progress"), running, len(running))
    attention = cannot_start(status)
    looked_at = [each for each in status.inbox if each.waits_for == "look"]
    arriving = [each for each in status.inbox if each.waits_for in ("upload", "partner")]
    count = len(attention) + unlisted.attention
    print_table(NEEDS_PERSON, ("file", "waits"), inbox_rows(attention), count)
    _print_more(unlisted.attention)
    waiting, more = list(waiting_rows(status)), unlisted.jobs + unlisted.batches + unlisted.ready
    columns = ("", "name", "id", "state", "attempt", "waits")
    print_table("Waiting, in this order", columns, waiting, len(waiting) + more)
    _print_more(more)
    count = len(looked_at) + unlisted.looked_at
    print_table(LOOKS, ("file", "waits"), inbox_rows(looked_at), count)
    _print_more(unlisted.looked_at)
    count = len(arriving) + unlisted.arriving
    print_table(ARRIVING, ("file", "waits"), inbox_rows(arriving), count)
    _print_more(unlisted.arriving)
    left_alone = [each for each in status.inbox if each.waits_for is None]
    print_table("Inbox", ("file", "waits"), inbox_rows(left_alone))
    _print_more(unlisted.left_alone)
    answers = [(each.name, local_time(each.at), each.text) for each in status.requests]
    print_table("Requests", ("request", "time", "answer"), answers, len(answers))


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
    """Return how far a running job is."""
    parts = [STAGES.get(job.stage or "load", job.stage or "")]
    if job.chunks and job.percent is not None:
        parts.append(f"chunk {job.chunk}/{job.chunks}")
    if job.percent is not None:
        parts.append(f"{job.percent} %")
    if job.left_seconds is not None:
        parts.append(f"{roughly(job.left_seconds)} left")
    if job.fps:
        parts.append(f"{job.fps:.1f} frames a second")
    if job.device:
        # Translated for itself: its comma is none between two parts.
        parts.append(f"runs on {own_language()(job.device)}")
    return ", ".join(parts)


def running_rows(status: Status) -> Iterator[JobRow]:
    """Yield a row for each job that runs."""
    for job in status.jobs:
        if job.state == "running":
            yield job.name, job.id, job.attempt or "", progress_text(job)


def waiting_rows(status: Status) -> Iterator[JobRow]:
    """Yield a row for what is complete and waits, claimed or in the inbox, with its place. Batches
    of which nothing waits any more are in the table of batches alone."""
    for each in waiting_in_order(status):
        if none_waits(each.entry):
            continue
        yield each.place or "", each.name, *_state(each), _with_estimate(each)


def _state(waiting: PlacedEntry) -> tuple[object, object, object]:
    """Return id, state and attempt of what waits."""
    entry = waiting.entry
    if isinstance(entry, InboxStatus):
        return "", "in the inbox", ""
    if isinstance(entry, JobStatus):
        return entry.id, own_language()(entry.state), entry.attempt or ""
    return entry.id, own_language()("queued"), ""


def _with_estimate(waiting: PlacedEntry) -> str:
    """Return why something waits, and when it starts as far as that is known."""
    return "; ".join(filter(None, (waiting.reason, waiting.estimate)))


def inbox_rows(entries: Sequence[InboxStatus]) -> Iterator[tuple[str, str]]:
    """Yield a row for each entry of the inbox. Files that belong together are one row."""
    for line in inbox_lines(entries):
        yield line.name, "; ".join(line.reasons)
