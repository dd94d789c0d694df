"""``status``: shows what the daemon does, what waits, and how the last jobs ended.

``read_live_status`` finds out whether a daemon is running on a spool.
"""

import os
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from heygem_daemon.cli.jobs import existing_spool
from heygem_daemon.cli.output import (
    JSON_OPTION,
    duration,
    print_json,
    print_table,
    size,
    time_of_day,
)
from heygem_daemon.config.settings import Settings
from heygem_daemon.durations import roughly
from heygem_daemon.report.status import DeviceStatus, JobStatus, Status
from heygem_daemon.report.status_file import read_status
from heygem_daemon.spool.batch.journal import Batch, BatchJournal
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.mounts import find_mount
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.spool import Spool


def status(
    settings: Settings,
    last: Annotated[int, typer.Option(help="How many results and failures to list.")] = 10,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Show the queue, the running job, the devices, the last results and failures."""
    spool = existing_spool(settings)
    now = time.time()
    live = read_live_status(spool, now)
    results, failures = spool.latest_published(last), spool.latest_failed(last)
    batches = spool.batches.latest_finished(last)
    if as_json:
        latest = live or read_status(spool.state / "status.json")
        print_json(
            {
                "running": live is not None,
                "daemon": latest.model_dump(mode="json") if latest else None,
                "results": [_journal_fields(journal) for journal in results],
                "failures": [_journal_fields(journal) for journal in failures],
                "batches": [_batch_fields(batch.journal) for batch in batches],
            }
        )
        return
    typer.echo(_headline(settings, live, now))
    if live is not None:
        if live.clock_doubt:
            typer.echo(f"Nothing is purged: {live.clock_doubt}.")
        if live.settings_note:
            typer.echo(f"Settings: {live.settings_note}.")
        _print_status(live)
    print_table("Last results", ("name", "finished"), _rows(results, now))
    print_table("Last batches", ("name", "finished", "members"), _batch_rows(batches, now))
    print_table("Last failures", ("name", "finished", "reason"), _failed_rows(failures, now))


def _headline(settings: Settings, live: Status | None, now: float) -> str:
    if live is None:
        return f"No daemon is running on {settings.spool}."
    hold = f" Waiting: {live.hold}" if live.hold else ""
    up = duration(now - live.started)
    backlog = live.backlog.sentence()
    waits = f" {backlog[0].upper()}{backlog[1:]}." if backlog else ""
    rest = f" No job starts: {live.rest}." if live.rest else ""
    return (
        f"heygem-daemon {live.version} on {live.spool}: {live.state}, up {up}.{hold}{rest}{waits}"
    )


def _print_status(live: Status) -> None:
    print_table(
        "Batches", ("name", "progress"), ((each.name, each.progress) for each in live.batches)
    )
    _print_more(live.unlisted.batches)
    print_table(
        "Jobs",
        ("name", "state", "attempt", "progress"),
        ((job.name, job.state, job.attempt, progress_text(job)) for job in live.jobs),
    )
    _print_more(live.unlisted.jobs)
    print_table("Inbox", ("file", "waits"), ((each.name, each.reason) for each in live.inbox))
    _print_more(live.unlisted.inbox)
    print_table(
        "Devices",
        ("device", "job", "free", "of", "use", "temp", "power", "worker memory", "UUID", ""),
        (_device_row(device) for device in live.devices),
    )
    _print_more(live.unlisted.devices)
    print_table(
        "Warnings",
        ("device", "job", "warning"),
        ((each.device, each.job, each.text) for each in live.warnings),
    )
    _print_more(live.unlisted.warnings)


def _print_more(count: int) -> None:
    """Say how many entries of a list the status leaves out."""
    if count:
        typer.echo(f"and {count} more")


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
    parts = [job.stage or ""]
    if job.chunks:
        parts.append(f"chunk {job.chunk}/{job.chunks}")
    if job.total_frames:
        parts.append(f"{100 * job.frames // job.total_frames} %")
    if job.left_seconds is not None:
        parts.append(f"{roughly(job.left_seconds)} left")
    if job.fps:
        parts.append(f"{job.fps:.1f} fps")
    return ", ".join([*parts, f"on {job.device}"])


def _clause(sentence: str) -> str:
    """Return the sentence as it can follow 'because'. A name such as GPU at its start stays upper
    case."""
    starts_with_word = sentence[:2].istitle() or sentence[:2] in {"A ", "I "}
    start = sentence[:1].lower() if starts_with_word else sentence[:1]
    return (start + sentence[1:]).removesuffix(".")


def _rows(journals: list[Journal], now: float) -> Iterator[tuple[str, str]]:
    for journal in journals:
        yield printable(journal.name), f"{duration(now - (journal.completed_at or now))} ago"


def _failed_rows(journals: list[Journal], now: float) -> Iterator[tuple[str, str, str]]:
    for (name, ago), journal in zip(_rows(journals, now), journals, strict=True):
        yield name, ago, journal.reason


def _batch_rows(batches: list[Batch], now: float) -> Iterator[tuple[str, str, str]]:
    for journal in (batch.journal for batch in batches):
        published = sum(end.outcome == "published" for end in journal.ended)
        failed = len(journal.ended) - published
        members = f"{published} published" + (f", {failed} failed" if failed else "")
        yield journal.name, f"{duration(now - (journal.completed_at or now))} ago", members


def _batch_fields(journal: BatchJournal) -> dict[str, object]:
    return {
        "id": journal.id,
        "name": journal.name,
        "completed_at": journal.completed_at,
        "members": {end.name: end.outcome for end in journal.ended},
        "zip": next((file.name for file in journal.published), None),
    }


def _journal_fields(journal: Journal) -> dict[str, object]:
    return {
        "id": journal.id,
        "name": printable(journal.name),
        "audio": printable(journal.audio_name),
        "video": printable(journal.video_name),
        "attempts": journal.attempts,
        "claimed_at": journal.claimed_at,
        "completed_at": journal.completed_at,
        "reason": journal.reason,
        "remedy": journal.remedy,
    }


def read_live_status(spool: Spool, now: float) -> Status | None:
    """Return the status of the daemon that runs on a spool; None where none runs at UNIX time
    ``now``.

    A status that is seconds old may be that of a daemon that was killed meanwhile: then its lock is
    free and its process gone. Either is enough to prove that it runs, because a daemon whose spool
    has a fault may not hold the lock yet, and the process of a daemon in another container is
    invisible here. On a network mount, where locks may be invisible as well, the status alone
    counts.
    """
    status = read_status(spool.state / "status.json")
    if status is None or not status.is_fresh(now):
        return None
    if find_mount(spool.state).is_network or spool.lock_holder() is not None:
        return status
    return status if _is_process_running(status.pid) else None


def _is_process_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
