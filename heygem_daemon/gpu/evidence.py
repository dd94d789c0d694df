"""What a GPU did while one of our jobs ran on it, from one reading a second.

It shows whether the GPU was really used. Pure functions.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from heygem_daemon.gpu.reading import GpuReading

INFERENCE_STAGES = ("listen", "track", "render")
"""The stages in which an engine's networks run; only these show whether the GPU stays idle."""


@dataclass(frozen=True, slots=True)
class MetricStats:
    """Mean and peak of one metric over time, in the metric's own unit."""

    count: int = 0
    """How many readings had a value."""
    total: float = 0.0
    """Sum of these values."""
    peak: float | None = None

    def add(self, value: float | None) -> "MetricStats":
        """Return the statistics with one more reading; None (unknown) changes nothing."""
        return self if value is None else self + MetricStats(1, value, value)

    def __add__(self, other: "MetricStats") -> "MetricStats":
        peaks = [peak for peak in (self.peak, other.peak) if peak is not None]
        return MetricStats(
            self.count + other.count, self.total + other.total, max(peaks, default=None)
        )

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class GpuUsage:
    """What a GPU did over some time."""

    sampled_seconds: float = 0.0
    """Time that readings cover."""
    silent_seconds: float = 0.0
    """Further time in which the driver reported nothing."""
    shared_seconds: float = 0.0
    """The part of ``sampled_seconds`` in which other programs computed on it too."""
    utilisation: MetricStats = MetricStats()
    """Compute utilisation, 0-100 %."""
    used_bytes: MetricStats = MetricStats()
    """Memory in use, by all programs."""
    temperature: MetricStats = MetricStats()
    """°C."""
    power: MetricStats = MetricStats()
    """Watts."""
    throttled_seconds: Mapping[str, float] = field(default_factory=dict)
    """Time with reduced clocks, by reason."""

    def __add__(self, other: "GpuUsage") -> "GpuUsage":
        reasons = {*self.throttled_seconds, *other.throttled_seconds}
        return GpuUsage(
            sampled_seconds=self.sampled_seconds + other.sampled_seconds,
            silent_seconds=self.silent_seconds + other.silent_seconds,
            shared_seconds=self.shared_seconds + other.shared_seconds,
            utilisation=self.utilisation + other.utilisation,
            used_bytes=self.used_bytes + other.used_bytes,
            temperature=self.temperature + other.temperature,
            power=self.power + other.power,
            throttled_seconds={
                reason: self.throttled_seconds.get(reason, 0)
                + other.throttled_seconds.get(reason, 0)
                for reason in sorted(reasons)
            },
        )


Evidence = Mapping[str, GpuUsage]
"""What a job's GPU did in each stage of the job."""


def usage_of_reading(
    reading: GpuReading | None, seconds: float, own_processes: int = 1
) -> GpuUsage:
    """Return the usage that one reading stands for.

    ``reading`` is None if the driver did not answer or no longer lists the GPU. ``seconds`` is the
    time that it covers. ``own_processes`` is how many of our own processes compute on the GPU.
    """
    if reading is None or reading.fault is not None:
        return GpuUsage(silent_seconds=seconds)
    return GpuUsage(
        sampled_seconds=seconds,
        shared_seconds=seconds if (reading.processes or 0) > own_processes else 0.0,
        utilisation=MetricStats().add(reading.utilisation),
        used_bytes=MetricStats().add(reading.used),
        temperature=MetricStats().add(reading.temperature),
        power=MetricStats().add(reading.power),
        throttled_seconds=dict.fromkeys(reading.throttled, seconds),
    )


def add_usage(evidence: Evidence, stage: str, usage: GpuUsage) -> Evidence:
    """Return the evidence with more ``usage`` in ``stage``."""
    return {**evidence, stage: evidence.get(stage, GpuUsage()) + usage}


def total_usage(evidence: Evidence, stages: Collection[str] | None = None) -> GpuUsage:
    """Return the sum over some stages, or over all if ``stages`` is None."""
    parts = (part for stage, part in evidence.items() if stages is None or stage in stages)
    return sum(parts, GpuUsage())


def evidence_report(evidence: Evidence) -> dict[str, object]:
    """Return the evidence as JSON values, for a result's report."""
    whole = total_usage(evidence)
    return {
        "note": _note(whole),
        **_usage_values(whole),
        "inference": _usage_values(total_usage(evidence, INFERENCE_STAGES)),
        "stages": {stage: _usage_values(part) for stage, part in evidence.items()},
    }


def _note(whole: GpuUsage) -> str | None:
    if not whole.sampled_seconds:
        return "The driver reported nothing about the GPU while the job ran."
    if whole.shared_seconds:
        return "Other programs computed on this GPU too: its utilisation includes theirs."
    if not whole.utilisation.count:
        return "This GPU does not report its utilisation."
    return None


def _usage_values(part: GpuUsage) -> dict[str, object]:
    return {
        "seconds_sampled": round(part.sampled_seconds, 1),
        "seconds_silent": round(part.silent_seconds, 1),
        "seconds_shared": round(part.shared_seconds, 1),
        "utilisation_percent": _stats_values(part.utilisation),
        "memory_bytes": _stats_values(part.used_bytes),
        "temperature_celsius": _stats_values(part.temperature),
        "power_watts": _stats_values(part.power),
        "throttled_seconds": {
            name: round(spent, 1) for name, spent in part.throttled_seconds.items()
        },
    }


def _stats_values(stats: MetricStats) -> dict[str, float] | None:
    if stats.mean is None or stats.peak is None:
        return None
    return {"mean": round(stats.mean, 1), "peak": round(stats.peak, 1)}
