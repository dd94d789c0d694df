"""What a GPU did while a job of ours ran on it, one reading a second: was it really used? Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from heygem_daemon.gpu.reading import GpuReading

INFERENCE_STAGES = ("listen", "track", "render")
"""The stages in which an engine's networks work; only these show whether the GPU sleeps."""


@dataclass(frozen=True, slots=True)
class MetricStats:
    """Mean and peak of one figure over time, in its own unit; ``count`` readings had it."""

    count: int = 0
    total: float = 0.0
    peak: float | None = None

    def add(self, value: float | None) -> "MetricStats":
        """With one reading more; None, unknown, counts for nothing."""
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
    """A GPU over some time. ``seconds`` were sampled; in ``silent`` more the driver told nothing;
    in ``shared`` others computed there as well. ``utilisation`` in per cent, ``used`` in bytes,
    ``temperature`` in °C, ``power`` in watts; ``throttled``: seconds by reason."""

    sampled_seconds: float = 0.0
    silent_seconds: float = 0.0
    shared_seconds: float = 0.0
    utilisation: MetricStats = MetricStats()
    used_bytes: MetricStats = MetricStats()
    temperature: MetricStats = MetricStats()
    power: MetricStats = MetricStats()
    throttled_seconds: Mapping[str, float] = field(default_factory=dict)

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
"""What was seen of a job's GPU, stage by stage."""


def usage_of_reading(
    reading: GpuReading | None, seconds: float, own_processes: int = 1
) -> GpuUsage:
    """One reading, which stands for ``seconds``; None: the driver did not answer, or no longer
    lists the GPU. ``ours``: how many processes of ours compute there."""
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
    """The evidence with what was seen in ``stage`` added."""
    return {**evidence, stage: evidence.get(stage, GpuUsage()) + usage}


def total_usage(evidence: Evidence, stages: Collection[str] | None = None) -> GpuUsage:
    """The sum over some stages; None: over all."""
    wanted = (part for stage, part in evidence.items() if stages is None or stage in stages)
    return sum(wanted, GpuUsage())


def evidence_report(evidence: Evidence) -> dict[str, object]:
    """The evidence as JSON values, for a result's report."""
    whole = total_usage(evidence)
    return {
        "note": _note(whole),
        **_usage_values(whole),
        "inference": _usage_values(total_usage(evidence, INFERENCE_STAGES)),
        "stages": {stage: _usage_values(part) for stage, part in evidence.items()},
    }


def _note(whole: GpuUsage) -> str | None:
    if not whole.sampled_seconds:
        return "The driver told nothing of the GPU while the job ran."
    if whole.shared_seconds:
        return "Others computed on this GPU as well: its utilisation is theirs, too."
    if not whole.utilisation.count:
        return "This GPU does not tell its utilisation."
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


def _stats_values(figure: MetricStats) -> dict[str, float] | None:
    if figure.mean is None or figure.peak is None:
        return None
    return {"mean": round(figure.mean, 1), "peak": round(figure.peak, 1)}
