"""The quality figures of a report, their acceptable ranges, and the warnings outside these."""

from collections.abc import Iterator
from dataclasses import dataclass

from heygem_daemon.engines.base import PerformanceSummary


@dataclass(frozen=True, slots=True)
class AcceptableRange:
    """A range for a figure. A figure of None, which was not measured, is accepted."""

    minimum: float = float("-inf")
    maximum: float = float("inf")

    def accepts(self, figure: float | None) -> bool:
        return figure is None or self.minimum <= figure <= self.maximum


APERTURE_CORRELATION = AcceptableRange(minimum=0.90)
LAG_FRAMES = AcceptableRange(-1.0, 1.0)
CLOSED_IN_SILENCE = AcceptableRange(minimum=0.97)
SHARPNESS = AcceptableRange(0.85, 1.2)
COVERAGE = AcceptableRange(minimum=0.90)


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured in the published pictures; None: cannot be measured for this job."""

    seconds: float
    """How much of the result was reviewed."""
    aperture_correlation: float | None = None
    """Of the mouth's aperture with the engine's target, -1 … 1."""
    aperture_lag_ms: float | None = None
    """Milliseconds by which the mouth is later than the target; negative: earlier."""
    closed_in_silence: float | None = None
    """Share, 0 … 1, of the frames in silences in which the mouth is closed."""
    sharpness: float | None = None
    """Laplacian energy around the mouth over that of the source; 1: equally sharp."""

    def rounded(self) -> dict[str, float | None]:
        """Return the figures as they are written to the report."""
        digits = {"aperture_lag_ms": 0, "seconds": 1}
        figures = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: None if figure is None else round(figure, digits.get(name, 3))
            for name, figure in figures.items()
        }


def quality_warnings(quality: Quality, fps: float) -> Iterator[str]:
    """Yield a sentence for each figure outside its range.

    Figures have as many digits as in the report: rounded further, one that just falls short would
    seem to be inside.
    """
    r, lag_ms = quality.aperture_correlation, quality.aperture_lag_ms
    if r is not None and not APERTURE_CORRELATION.accepts(r):
        yield (
            "The mouth in the result does not follow its target closely: correlation "
            f"{r:.3f}, at least {APERTURE_CORRELATION.minimum:.2f} is usual."
        )
    elif lag_ms is not None and not LAG_FRAMES.accepts(lag_ms * fps / 1000):
        side = "late" if lag_ms > 0 else "early"
        yield f"The mouth in the result moves {abs(lag_ms):.0f} ms too {side}."
    closed = quality.closed_in_silence
    if closed is not None and not CLOSED_IN_SILENCE.accepts(closed):
        yield (
            f"The mouth is closed in only {closed:.1%} of the silence; "
            f"at least {CLOSED_IN_SILENCE.minimum:.0%} is usual."
        )
    if quality.sharpness is not None and not SHARPNESS.accepts(quality.sharpness):
        change = "more blurred" if quality.sharpness < SHARPNESS.minimum else "rougher"
        yield (
            f"The mouth and its surroundings look {change} than the source: sharpness "
            f"{quality.sharpness:.3f}, usual is {SHARPNESS.minimum:.2f} to {SHARPNESS.maximum:.2f}."
        )


def coverage_warning(summary: PerformanceSummary) -> str | None:
    """Return a warning where many frames had to be passed through unchanged; else None."""
    if COVERAGE.accepts(summary.coverage):
        return None
    reasons = ", ".join(f"{why} {share:.0%}" for why, share in summary.passed_through.items())
    return f"Only {summary.coverage:.1%} of the frames could be drawn ({reasons})."
