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
UNSEEN_ERROR_PIXELS = 1.0
"""What the target does not explain of the measured aperture, standard deviation. Of mouths that
follow well the tracker's own error is 0.25 to 0.75 pixels where the outer eye corners are 25 to 50
pixels apart. That hides a good correlation in such a face, and nobody sees less than a pixel."""
LEAST_RELATED = 0.5
"""Correlation that the tracker's own error leaves in the smallest face that is drawn, 0.6, and some
room: a lower one is a warning in any face."""
LAG_FRAMES = AcceptableRange(-1.0, 1.0)
CLOSED_IN_SILENCE = AcceptableRange(minimum=0.97)
UNSEEN_OPEN_SECONDS = 0.2
"""A mouth that is open for less in the silences is not seen: it closes later or opens earlier by a
few pictures, or the tracker's noise is read as an opening."""
SHARPNESS = AcceptableRange(0.85, 1.2)
"""What is usual over many jobs. One job's mouth may be open where the source's is closed, so it
says nothing of blur."""
UNSEEN_SHARPNESS = AcceptableRange(0.6, 1.8)
"""Of equally open mouths. A Gaussian blur of 0.5 pixels leaves 0.54 to 0.64 of the energy, one of
0.6 pixels 0.39 to 0.55; an unsharp mask of 0.5 makes it 1.8 to 2.2 (six faces). Beside
the source, smaller changes were not seen."""
UNSEEN_IN_OTHER_MOUTHS = AcceptableRange(0.5, 2.2)
"""Where no equally open mouths can be compared. Mouths that are open where the source's are closed,
and the reverse, have 0.7 to 1.85 with nothing to see."""
COVERAGE = AcceptableRange(minimum=0.90)


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured in the published pictures; None: cannot be measured for this job."""

    seconds: float
    """How much of the result was reviewed."""
    aperture_correlation: float | None = None
    """Of the mouth's aperture with the engine's target, -1 … 1."""
    aperture_error_pixels: float | None = None
    """Standard deviation of what the target does not explain of the aperture."""
    aperture_lag_ms: float | None = None
    """Milliseconds by which the mouth is later than the target; negative: earlier."""
    closed_in_silence: float | None = None
    """Share, 0 … 1, of the frames in silences in which the mouth is closed."""
    open_in_silence_seconds: float | None = None
    """How long the mouth is not closed in these silences."""
    sharpness: float | None = None
    """Laplacian energy around the mouth over that of the source at the same moments; 1: equally
    sharp."""
    sharpness_alike: float | None = None
    """The same over that of source pictures whose mouth is as wide open."""
    source_opens: bool = True
    """Whether the source's mouth is open in any of these pictures."""

    def rounded(self) -> dict[str, float | bool | None]:
        """Return the figures as they are written to the report."""
        digits = {
            "aperture_error_pixels": 2,
            "aperture_lag_ms": 0,
            "seconds": 1,
            "open_in_silence_seconds": 2,
        }
        figures = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: round(figure, digits.get(name, 3)) if isinstance(figure, float) else figure
            for name, figure in figures.items()
        }


def quality_warnings(quality: Quality, fps: float) -> Iterator[str]:
    """Yield a sentence for each figure outside its range.

    Figures have as many digits as in the report: rounded further, one that just falls short would
    seem to be inside.
    """
    r, lag_ms = quality.aperture_correlation, quality.aperture_lag_ms
    error = quality.aperture_error_pixels
    is_error_seen = error is None or error >= UNSEEN_ERROR_PIXELS
    if (
        r is not None
        and (is_error_seen or r < LEAST_RELATED)
        and not APERTURE_CORRELATION.accepts(r)
    ):
        yield (
            "The mouth in the result does not follow its target closely: correlation "
            f"{r:.3f}, at least {APERTURE_CORRELATION.minimum:.2f} is usual."
        )
    elif lag_ms is not None and not LAG_FRAMES.accepts(lag_ms * fps / 1000):
        side = "too late" if lag_ms > 0 else "too early"
        yield f"The mouth in the result moves {abs(lag_ms):.0f} ms {side}."
    closed, opened = quality.closed_in_silence, quality.open_in_silence_seconds
    is_seen = opened is None or opened >= UNSEEN_OPEN_SECONDS
    if closed is not None and is_seen and not CLOSED_IN_SILENCE.accepts(closed):
        yield (
            f"The mouth is closed in only {closed:.1%} of the silence; "
            f"at least {CLOSED_IN_SILENCE.minimum:.0%} is usual."
        )
    yield from _sharpness_warnings(quality)


def _sharpness_warnings(quality: Quality) -> Iterator[str]:
    sharpness, unseen = quality.sharpness_alike, UNSEEN_SHARPNESS
    measure = f"sharpness {sharpness:.3f} where both are as open" if sharpness is not None else ""
    if sharpness is None and quality.sharpness is not None:
        sharpness, unseen = quality.sharpness, UNSEEN_IN_OTHER_MOUTHS
        measure = f"sharpness {sharpness:.3f}"
    if sharpness is not None and not unseen.accepts(sharpness):
        is_blurred = sharpness < unseen.minimum
        # Each opening has edges that closed lips lack: of the soft mouth of a photograph 2.5 to 2.7
        # times the energy, with nothing to see.
        if not (is_blurred or quality.source_opens or quality.sharpness_alike is not None):
            return
        look = "look more blurred than the source" if is_blurred else "look rougher than the source"
        yield (
            f"The mouth and its surroundings {look}: {measure}; {unseen.minimum} to "
            f"{unseen.maximum} is not seen. Look at the strip."
        )


def coverage_warning(summary: PerformanceSummary) -> str | None:
    """Return a warning where many frames had to be passed through unchanged; else None."""
    if COVERAGE.accepts(summary.coverage):
        return None
    reasons = ", ".join(f"{why} {share:.0%}" for why, share in summary.passed_through.items())
    return f"Only {summary.coverage:.1%} of the frames could be drawn ({reasons})."
