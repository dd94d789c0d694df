"""Finds settings that are possible and make no sense: alone, together, or in their unit. Pure."""

import re
from collections.abc import Iterator, Mapping

from heygem_daemon.config.settings import Settings
from heygem_daemon.config.wording import format_value
from heygem_daemon.counts import counted

EXIT_SECONDS = 13.0
"""How long a stop takes beyond ``stop_seconds``: the workers' end, and the moves in the spool."""

LEAST_STOP_SECONDS = 10.0
"""Within so long a worker ends by itself."""

HOUR_DAYS = 1 / 24
WHOLE_UUID = r"(GPU|MIG)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|MIG-GPU-[0-9a-f-]{36}/\d+/\d+"
GIB = 1 << 30
OTHER_FOLDERS = ("inbox", "processing", "outbox", "done", "failed", ".state", ".cache")
"""The spool's folders that are not for its log."""


def find_doubts(
    settings: Settings, unit_stop_seconds: float | None = None, memory_bytes: int | None = None
) -> list[str]:
    """Return a sentence for each value that somebody should look at, with its key at the start.

    ``unit_stop_seconds``: the unit's TimeoutStopSec; None: for ever, or not known.
    ``memory_bytes``: the main memory that the daemon may use; None: not known.
    """
    return [
        *_times(settings),
        *_stop(settings, unit_stop_seconds),
        *_devices(settings),
        *_memory(settings, memory_bytes),
        *_log_folder(settings),
    ]


def find_empty_values(written: Mapping[str, object]) -> list[str]:
    """Return a sentence for each key of a file that is empty and means its default. ``written``:
    what the file says."""
    found = []
    for key, value in written.items():
        field = Settings.model_fields.get(key)
        default = None if field is None else field.get_default()
        if value == "" and isinstance(default, str) and default:
            found.append(f'{key} = "" means the default, {format_value(default)}')
    return found


def _times(settings: Settings) -> Iterator[str]:
    if 0 < settings.retention_days < HOUR_DAYS:
        yield (
            f"retention_days = {settings.retention_days:g} deletes results"
            f" {settings.retention_days * 86_400:.0f} s after their publication, before people can"
            " collect them; the unit is days, and 0 keeps them for ever"
        )
    if settings.settle_seconds == 0:
        yield "settle_seconds = 0 takes files that are still being written; 5 is usual"
    stalls = [key for key in Settings.model_fields if key.startswith("stall_")]
    if short := [key for key in stalls if getattr(settings, key) < settings.scan_seconds]:
        yield f"{short[0]} is below scan_seconds: healthy workers may be killed"


def _stop(settings: Settings, unit_stop_seconds: float | None) -> Iterator[str]:
    if settings.stop_seconds < LEAST_STOP_SECONDS:
        yield (
            f"stop_seconds = {settings.stop_seconds:g} kills workers at each stop: they end by"
            f" themselves within {LEAST_STOP_SECONDS:g} s"
        )
    needed = settings.stop_seconds + EXIT_SECONDS
    if unit_stop_seconds is not None and needed > unit_stop_seconds:
        yield (
            f"stop_seconds = {settings.stop_seconds:g}, but systemd kills the service after"
            f" {unit_stop_seconds:g} s: set it to {max(0, unit_stop_seconds - EXIT_SECONDS):g} at"
            f" most, or TimeoutStopSec={needed:.0f} in a drop-in of the unit"
        )


def _devices(settings: Settings) -> Iterator[str]:
    names = {"gpus": settings.gpus, "device": (settings.device,)}
    for key, uuids in names.items():
        for uuid in uuids:
            if uuid.startswith(("GPU-", "MIG-")) and not re.fullmatch(
                WHOLE_UUID, uuid, re.IGNORECASE
            ):
                yield (
                    f'{key}: "{uuid}" is no whole UUID, so it fits no GPU; `nvidia-smi -L` lists'
                    " them"
                )
    if settings.device == "cpu" and settings.gpus:
        yield 'gpus has no effect with device = "cpu"'
    if (
        settings.gpus
        and settings.device.startswith("GPU-")
        and settings.device not in settings.gpus
    ):
        yield f'device = "{settings.device}" is not among gpus: no job can start'
    if settings.device == "cpu" and settings.jobs_per_gpu != 1:
        yield 'jobs_per_gpu has no effect with device = "cpu"'


def _memory(settings: Settings, memory_bytes: int | None) -> Iterator[str]:
    asked = settings.worker_memory_gib * GIB
    if memory_bytes is not None and asked > memory_bytes:
        yield (
            f"worker_memory_gib = {settings.worker_memory_gib:g} is more than the"
            f" {memory_bytes / GIB:.1f} GiB that the daemon may use: the kernel would kill workers"
        )
    elif memory_bytes is not None and settings.cpu_workers != "auto":
        together = asked * settings.cpu_workers
        if together > memory_bytes:
            fitting = max(1, int(memory_bytes // asked))
            room = counted(fitting, "1 worker has room", "{count} workers have room")
            yield (
                f"cpu_workers = {settings.cpu_workers} with worker_memory_gib ="
                f" {settings.worker_memory_gib:g} is {together / GIB:g} GiB, more than the"
                f" {memory_bytes / GIB:.1f} GiB that the daemon may use: the kernel would kill"
                f" workers; {room}"
            )


def _log_folder(settings: Settings) -> Iterator[str]:
    for name in OTHER_FOLDERS:
        if settings.spool / name in (settings.log_folder, *settings.log_folder.parents):
            yield (
                f"log_folder is in the spool's folder {name}, whose files the daemon takes or"
                " deletes: choose one outside of the spool"
            )
