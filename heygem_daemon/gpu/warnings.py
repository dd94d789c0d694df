"""Warnings that follow from a job's GPU evidence, with what to do about each. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

from heygem_daemon.gpu.evidence import INFERENCE_STAGES, Evidence, GpuUsage, total_usage
from heygem_daemon.system.units import MIB

LEAST_SECONDS = 5
"""Least time of inference that must be sampled before a finished job's GPU is called asleep."""

LEAST_SECONDS_SO_FAR = 60
"""The same for a job that still runs: its busiest part may be yet to come."""

THROTTLED_SHARE = 0.1
"""Least share of the time with reduced clocks that is worth a warning: a busy GPU reduces them now
and then to keep within its limits."""

CREEP_JOBS = 6
"""How many jobs in a row are compared for a leak of memory."""

CREEP_RISES = 3
"""How many of them must leave more memory in use than the job before: one large job is no leak."""

WarningKind = Literal["asleep", "hot", "throttled", "creep"]
WARNING_KINDS: tuple[WarningKind, ...] = get_args(WarningKind)


@dataclass(frozen=True, slots=True)
class WarningLimits:
    """When to warn; None: never."""

    asleep_percent: float | None
    """Warn of a mean utilisation below this during inference, 0-100."""
    hot_celsius: float | None
    """Warn of this temperature and above, °C."""
    creep_bytes: int | None
    """Warn of this much more memory in use after CREEP_JOBS jobs."""


@dataclass(frozen=True, slots=True)
class UsageWarning:
    """A warning about how a GPU is used."""

    kind: WarningKind
    text: str
    """What is wrong, and what to do about it."""


def find_warnings(evidence: Evidence, limits: WarningLimits, ended: bool) -> list[UsageWarning]:
    """Return the warnings that follow from a job's evidence; ``ended``: no more will come."""
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
        " hold the job up (compare stage_cpu_seconds with stage_seconds in its report), or the"
        " engine does not compute there (`heygem-daemon doctor` measures it).",
    )


def _hot(whole: GpuUsage, limit: float | None) -> UsageWarning | None:
    peak = whole.temperature.peak
    if limit is None or peak is None or peak < limit:
        return None
    return UsageWarning(
        "hot",
        f"GPU too hot: {peak:.0f} °C at its peak, {limit:g} °C is the limit. Check its fans and the"
        " airflow around it: from about this temperature on it slows itself down.",
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
        " Check its cooling and its power limit (`nvidia-smi -q -d PERFORMANCE,POWER`).",
    )


@dataclass(frozen=True, slots=True)
class RetainedMemory:
    """GPU memory that a worker holds after a job; None where it is unknown."""

    active_bytes: int | None = None
    """In use, by the worker's own account."""
    reserved_bytes: int | None = None
    """Reserved by torch's allocator, by the worker's own account."""
    used_bytes: int | None = None
    """In use by the driver's account; only where no other process computes there."""


def find_memory_creep(samples: Sequence[RetainedMemory], limit: int | None) -> UsageWarning | None:
    """Return a warning if a worker's memory grows from job to job, else None.

    It grows if it never fell over the last CREEP_JOBS jobs, rose after at least CREEP_RISES of
    them, and rose by at least ``limit`` bytes in all. ``limit`` None: never warn.
    """
    latest = samples[-CREEP_JOBS:]
    if limit is None or len(latest) < CREEP_JOBS:
        return None
    rows = {
        "in use by the worker": [sample.active_bytes for sample in latest],
        "reserved by the worker": [sample.reserved_bytes for sample in latest],
        "used as the driver sees it": [sample.used_bytes for sample in latest],
    }
    rises = {name: rise for name, row in rows.items() if (rise := _rise(row)) >= limit}
    if not rises:
        return None
    grown = ", ".join(f"{rise // MIB} MiB more {name}" for name, rise in rises.items())
    return UsageWarning(
        "creep",
        f"GPU memory creeps: {grown} after {CREEP_JOBS} jobs, and none of it was released."
        " Please report it with the log. A restart of the service releases it and loses no job.",
    )


def _rise(row: Sequence[int | None]) -> int:
    """Return by how many bytes a row rises that never falls; 0 for any other row."""
    counts = [count for count in row if count is not None]
    steps = [after - before for before, after in pairwise(counts)]
    steady = len(counts) == len(row) and min(steps, default=0) >= 0
    return sum(steps) if steady and sum(step > 0 for step in steps) >= CREEP_RISES else 0
