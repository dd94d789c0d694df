"""How good a result is: the figures of its report, their bars, and what to say below them."""

from collections.abc import Iterator
from dataclasses import dataclass

from heygem_daemon.engines.base import PerformanceSummary


@dataclass(frozen=True, slots=True)
class AcceptableRange:
    """A range that a figure has to lie in; ``None`` passes, for nothing was measured."""

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
    """What was measured in the published pictures; None: it cannot be said of this job.

    ``seconds``: how much of the result was looked at. ``aperture_correlation``: of the mouth's
    opening with what the engine wanted, -1 … 1; ``aperture_lag_ms``: how much later it comes.
    ``closed_in_silence``: share of the frames in silences in which the mouth is closed.
    ``sharpness``: Laplacian energy around the mouth over the source's.
    """

    seconds: float
    aperture_correlation: float | None = None
    aperture_lag_ms: float | None = None
    closed_in_silence: float | None = None
    sharpness: float | None = None

    def rounded(self) -> dict[str, float | None]:
        """The figures as they stand in the report."""
        digits = {"aperture_lag_ms": 0, "seconds": 1}
        figures = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: None if figure is None else round(figure, digits.get(name, 3))
            for name, figure in figures.items()
        }


def quality_warnings(quality: Quality, fps: float) -> Iterator[str]:
    """A sentence for the operator on each figure that is below its bar, as exact as in the report:
    rounded, a figure that just falls short would seem to reach it."""
    r, late = quality.aperture_correlation, quality.aperture_lag_ms
    if r is not None and not APERTURE_CORRELATION.accepts(r):
        yield (
            "The mouth in the result does not quite do what was wanted: correlation "
            f"{r:.3f}, at least {APERTURE_CORRELATION.minimum:.2f} is usual."
        )
    elif late is not None and not LAG_FRAMES.accepts(late * fps / 1000):
        side = "late" if late > 0 else "early"
        yield f"The mouth in the result moves {abs(late):.0f} ms too {side}."
    closed = quality.closed_in_silence
    if closed is not None and not CLOSED_IN_SILENCE.accepts(closed):
        yield (
            f"The mouth is closed in only {closed:.1%} of the silence; "
            f"at least {CLOSED_IN_SILENCE.minimum:.0%} is usual."
        )
    if quality.sharpness is not None and not SHARPNESS.accepts(quality.sharpness):
        change = "blurred" if quality.sharpness < SHARPNESS.minimum else "rougher"
        yield (
            f"The mouth's surroundings look {change} against the source: sharpness "
            f"{quality.sharpness:.3f}, usual is {SHARPNESS.minimum:.2f} to {SHARPNESS.maximum:.2f}."
        )


def coverage_warning(summary: PerformanceSummary) -> str | None:
    """What to say where many frames had to be passed through untouched."""
    if COVERAGE.accepts(summary.coverage):
        return None
    reasons = ", ".join(f"{why} {share:.0%}" for why, share in summary.passed_through.items())
    return f"Only {summary.coverage:.1%} of the frames could be drawn ({reasons})."
