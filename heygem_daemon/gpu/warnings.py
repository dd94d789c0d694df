"""What a job's evidence warns of, and what to do about it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from heygem_daemon.gpu.evidence import INFERENCE_STAGES, Evidence, GpuUsage, total_usage
from heygem_daemon.system.units import MIB

LEAST_SECONDS = 5
"""So much of inference must have been seen before a job that is over is called asleep…"""

LEAST_SECONDS_SO_FAR = 60
"""…and so much before one that still runs is: its busiest part may be to come."""

THROTTLED_SHARE = 0.1
"""Clocks held down for a smaller share of the time are how a busy GPU keeps within its limits."""

CREEP_JOBS = 6
"""Memory is compared over so many jobs…"""

CREEP_RISES = 3
"""…of which so many must have left more than the one before: one larger job alone is no leak."""

WarningKind = Literal["asleep", "hot", "throttled", "creep"]
WARNING_KINDS: tuple[WarningKind, ...] = ("asleep", "hot", "throttled", "creep")


@dataclass(frozen=True, slots=True)
class WarningLimits:
    """What is worth a warning. ``asleep_percent``: utilisation below it; ``hot_celsius``: a
    temperature from there on; ``creep_bytes``: so much more memory after CREEP_JOBS jobs.
    None: never."""

    asleep_percent: float | None
    hot_celsius: float | None
    creep_bytes: int | None


@dataclass(frozen=True, slots=True)
class UsageWarning:
    """Something to be warned of: what it is, and what to do about it."""

    kind: WarningKind
    text: str


def find_warnings(evidence: Evidence, limits: WarningLimits, ended: bool) -> list[UsageWarning]:
    """What a job's evidence warns of. ``ended``: nothing more will come."""
    whole = total_usage(evidence)
    found = (
        _asleep(total_usage(evidence, INFERENCE_STAGES), limits.asleep_percent, ended),
        _hot(whole, limits.hot_celsius),
        _throttled(whole, ended),
    )
    return [finding for finding in found if finding is not None]


def _asleep(inference: GpuUsage, limit: float | None, ended: bool) -> UsageWarning | None:
    busy, least = inference.utilisation, LEAST_SECONDS if ended else LEAST_SECONDS_SO_FAR
    if (
        limit is None
        or busy.mean is None
        or inference.sampled_seconds < least
        or busy.mean >= limit
    ):
        return None
    return UsageWarning(
        "asleep",
        f"GPU asleep: it was busy for {busy.mean:.0f} % of the {inference.sampled_seconds:.0f} s"
        f" in which the engine worked, less than {limit:g} %. Decoding, encoding or the disk"
        " hold the job up (compare stage_cpu_seconds with stage_seconds in its report), or the engine does not"
        " compute there (`heygem-daemon doctor` measures it).",
    )


def _hot(whole: GpuUsage, limit: float | None) -> UsageWarning | None:
    peak = whole.temperature.peak
    if limit is None or peak is None or peak < limit:
        return None
    return UsageWarning(
        "hot",
        f"GPU too hot: {peak:.0f} °C at its peak, {limit:g} °C is the limit. Look to its fans and"
        " the air around it: from about here it slows itself down.",
    )


def _throttled(whole: GpuUsage, ended: bool) -> UsageWarning | None:
    if not whole.throttled_seconds:
        return None
    longest = max(whole.throttled_seconds.values())
    least = LEAST_SECONDS if ended else LEAST_SECONDS_SO_FAR
    if whole.sampled_seconds < least or longest < THROTTLED_SHARE * whole.sampled_seconds:
        return None
    reasons = ", ".join(f"{spent:.0f} s {name}" for name, spent in whole.throttled_seconds.items())
    return UsageWarning(
        "throttled",
        f"GPU throttled: its clocks were held down, of {whole.sampled_seconds:.0f} s {reasons}."
        " Look to its cooling and its power limit (`nvidia-smi -q -d PERFORMANCE,POWER`).",
    )


@dataclass(frozen=True, slots=True)
class RetainedMemory:
    """Video memory that is held after a job, in bytes: ``active`` and ``reserved`` by the
    worker's own account, ``used`` by the driver's where nobody else computes there."""

    active_bytes: int | None = None
    reserved_bytes: int | None = None
    used_bytes: int | None = None


def find_memory_creep(samples: Sequence[RetainedMemory], limit: int | None) -> UsageWarning | None:
    """Whether a worker's memory grows from job to job: it never fell over the last CREEP_JOBS,
    rose after several of them, and by ``limit`` bytes in all."""
    latest = samples[-CREEP_JOBS:]
    if limit is None or len(latest) < CREEP_JOBS:
        return None
    rows = {
        "in use by the worker": [residue.active_bytes for residue in latest],
        "reserved by the worker": [residue.reserved_bytes for residue in latest],
        "used as the driver sees it": [residue.used_bytes for residue in latest],
    }
    rises = {name: rise for name, row in rows.items() if (rise := _rise(row)) >= limit}
    if not rises:
        return None
    grown = ", ".join(f"{rise // MIB} MiB more {name}" for name, rise in rises.items())
    return UsageWarning(
        "creep",
        f"GPU memory creeps: {grown} after {CREEP_JOBS} jobs, and none of it came back. Please"
        " report it with the log; a restart of the service gives it back, no job is lost by it.",
    )


def _rise(row: Sequence[int | None]) -> int:
    """By how many bytes a row rises that never falls; 0 for any other row."""
    known = [count for count in row if count is not None]
    steps = [after - before for before, after in pairwise(known)]
    steady = len(known) == len(row) and min(steps, default=0) >= 0
    return sum(steps) if steady and sum(step > 0 for step in steps) >= CREEP_RISES else 0
