"""What a GPU did while a job of ours ran on it, one reading a second: was it really used? Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from heygem_daemon.gpu.reading import GpuReading

INFERENCE = ("listen", "track", "render")
"""The stages in which an engine's networks work; only these show whether the GPU sleeps."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Mean and peak of one figure over time, in its own unit; ``count`` readings had it."""

    count: int = 0
    total: float = 0.0
    peak: float | None = None

    def plus(self, value: float | None) -> "Figure":
        """With one reading more; None, unknown, counts for nothing."""
        return self if value is None else self + Figure(1, value, value)

    def __add__(self, other: "Figure") -> "Figure":
        peaks = [peak for peak in (self.peak, other.peak) if peak is not None]
        return Figure(self.count + other.count, self.total + other.total, max(peaks, default=None))

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A GPU over some time. ``seconds`` were sampled; in ``silent`` more the driver told nothing;
    in ``shared`` others computed there as well. ``utilisation`` in per cent, ``used`` in bytes,
    ``temperature`` in °C, ``power`` in watts; ``throttled``: seconds by reason."""

    seconds: float = 0.0
    silent: float = 0.0
    shared: float = 0.0
    utilisation: Figure = Figure()
    used: Figure = Figure()
    temperature: Figure = Figure()
    power: Figure = Figure()
    throttled: Mapping[str, float] = field(default_factory=dict)

    def __add__(self, other: "Stretch") -> "Stretch":
        reasons = {*self.throttled, *other.throttled}
        return Stretch(
            seconds=self.seconds + other.seconds,
            silent=self.silent + other.silent,
            shared=self.shared + other.shared,
            utilisation=self.utilisation + other.utilisation,
            used=self.used + other.used,
            temperature=self.temperature + other.temperature,
            power=self.power + other.power,
            throttled={
                reason: self.throttled.get(reason, 0) + other.throttled.get(reason, 0)
                for reason in sorted(reasons)
            },
        )


Evidence = Mapping[str, Stretch]
"""What was seen of a job's GPU, stage by stage."""


def seen(reading: GpuReading | None, seconds: float, ours: int = 1) -> Stretch:
    """One reading, which stands for ``seconds``; None: the driver did not answer, or no longer
    lists the GPU. ``ours``: how many processes of ours compute there."""
    if reading is None or reading.fault is not None:
        return Stretch(silent=seconds)
    return Stretch(
        seconds=seconds,
        shared=seconds if (reading.processes or 0) > ours else 0.0,
        utilisation=Figure().plus(reading.utilisation),
        used=Figure().plus(reading.used),
        temperature=Figure().plus(reading.temperature),
        power=Figure().plus(reading.power),
        throttled=dict.fromkeys(reading.throttled, seconds),
    )


def with_stretch(evidence: Evidence, stage: str, stretch: Stretch) -> Evidence:
    """The evidence with what was seen in ``stage`` added."""
    return {**evidence, stage: evidence.get(stage, Stretch()) + stretch}


def over(evidence: Evidence, stages: Collection[str] | None = None) -> Stretch:
    """The sum over some stages; None: over all."""
    wanted = (part for stage, part in evidence.items() if stages is None or stage in stages)
    return sum(wanted, Stretch())


def report_of(evidence: Evidence) -> dict[str, object]:
    """The evidence as JSON values, for a result's report."""
    whole = over(evidence)
    return {
        "note": _note(whole),
        **_plain(whole),
        "inference": _plain(over(evidence, INFERENCE)),
        "stages": {stage: _plain(part) for stage, part in evidence.items()},
    }


def _note(whole: Stretch) -> str | None:
    if not whole.seconds:
        return "The driver told nothing of the GPU while the job ran."
    if whole.shared:
        return "Others computed on this GPU as well: its utilisation is theirs, too."
    if not whole.utilisation.count:
        return "This GPU does not tell its utilisation."
    return None


def _plain(part: Stretch) -> dict[str, object]:
    return {
        "seconds_sampled": round(part.seconds, 1),
        "seconds_silent": round(part.silent, 1),
        "seconds_shared": round(part.shared, 1),
        "utilisation_percent": _figure(part.utilisation),
        "memory_bytes": _figure(part.used),
        "temperature_celsius": _figure(part.temperature),
        "power_watts": _figure(part.power),
        "throttled_seconds": {name: round(spent, 1) for name, spent in part.throttled.items()},
    }


def _figure(figure: Figure) -> dict[str, float] | None:
    if figure.mean is None or figure.peak is None:
        return None
    return {"mean": round(figure.mean, 1), "peak": round(figure.peak, 1)}
