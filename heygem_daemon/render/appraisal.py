"""Appraise a finished result: measure its quality, draw its strip, and warn the operator.

A failure here never costs the result: it becomes a warning. Only a stop (Interrupted) goes on.
"""

import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from heygem_daemon.engines.base import Template
from heygem_daemon.errors import Interrupted
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.shown_pixels import in_shown_pixels
from heygem_daemon.media.verify import ResultVerifier
from heygem_daemon.render.draw import RenderContext
from heygem_daemon.render.quality import Quality, coverage_warning, quality_warnings
from heygem_daemon.render.review import (
    OnMeasured,
    ReviewSelection,
    choose_windows,
    ignore_measured,
    measure_quality,
)
from heygem_daemon.render.source_samples import SourceSamples
from heygem_daemon.render.strip import ComparisonStrip
from heygem_daemon.speech.activity import Curve, silent_frames

T = TypeVar("T")

QUALITY_FAILED = "The quality could not be measured"
STRIP_FAILED = "The before/after picture could not be drawn"


@dataclass(slots=True)
class Appraisal:
    """What is known of a finished result."""

    quality: Quality | None = None
    """None where it could not be measured."""
    strip: Path | None = None
    """The PNG; None where it was not requested or could not be drawn."""
    warnings: list[str] = field(default_factory=list)
    """Sentences for the report and the log."""


class Appraiser:
    """Samples the source while a result is drawn, and appraises the finished result."""

    def __init__(
        self, context: RenderContext, template: Template, level: Curve, target: Path | None
    ) -> None:
        """``level``: (N,) dB of each 20 ms of the sound. ``target``: the strip's file; None: no
        strip. Raises Interrupted; failures become warnings of the appraisal."""
        self._context = context
        self._target = target
        self._warnings: list[str] = []
        prepare = partial(
            _plan_review, context, template, level, self._warnings, target is not None
        )
        self._plan = warn_on_failure(QUALITY_FAILED, prepare, self._warnings)

    def add_source(self, frame: int, source: Picture) -> None:
        """Sample the source picture of an output frame. Raises nothing."""
        # A sample that fails here is taken again by ``appraise``, which reports the failure.
        with suppress(Exception):
            if self._plan is not None:
                self._plan.source_samples.add(frame, source)

    def appraise(
        self, verifier: ResultVerifier, on_measured: OnMeasured = ignore_measured
    ) -> Appraisal:
        """Measure the pictures that ``verifier`` decodes, and draw the strip.

        ``on_measured`` is called as by ``measure_quality``. Raises Interrupted. An error of the
        result itself is raised by ``verifier.finish``.
        """
        appraisal = Appraisal(warnings=[*self._warnings])
        if self._plan is not None:
            review = partial(self._plan.review, verifier, on_measured)
            self._review(self._plan.strip, review, appraisal)
        low_coverage = coverage_warning(self._context.performance.summary)
        appraisal.warnings += [low_coverage] if low_coverage else []
        fps = float(self._context.timeline.fps)
        appraisal.warnings += quality_warnings(appraisal.quality, fps) if appraisal.quality else []
        return appraisal

    def _review(
        self, strip: ComparisonStrip | None, review: Callable[[], Quality], appraisal: Appraisal
    ) -> None:
        appraisal.quality = warn_on_failure(QUALITY_FAILED, review, appraisal.warnings)
        if strip is not None and self._target is not None:
            draw = partial(strip.write, self._target)
            appraisal.strip = warn_on_failure(STRIP_FAILED, draw, appraisal.warnings)


@dataclass(frozen=True, slots=True)
class _ReviewPlan:
    """The frames that will be reviewed, and the samples of their sources."""

    context: RenderContext
    template: Template
    selection: ReviewSelection
    source_samples: SourceSamples
    strip: ComparisonStrip | None

    def review(self, verifier: ResultVerifier, on_measured: OnMeasured) -> Quality:
        """Measure the selected pictures that ``verifier`` decodes."""
        self.source_samples.add_missing()
        return measure_quality(
            self.context,
            self.template,
            self.selection,
            self.source_samples.sharpness_by_frame,
            in_shown_pixels(
                verifier.read_pictures(self.selection.frames),
                self.context.reader.info.sample_aspect,
            ),
            self.strip.add_result if self.strip else lambda _frame, _picture: None,
            on_measured,
        )


def _plan_review(
    context: RenderContext, template: Template, level: Curve, warnings: list[str], with_strip: bool
) -> _ReviewPlan:
    """Select the frames to review. A strip that cannot be prepared becomes a warning."""
    fps = float(context.timeline.fps)
    silent = silent_frames(level, len(context.timeline), fps)
    selection = ReviewSelection(silent, choose_windows(silent, fps))
    prepare = partial(ComparisonStrip, context, template, selection.frames)
    strip = warn_on_failure(STRIP_FAILED, prepare, warnings) if with_strip else None
    samples = SourceSamples(context, template, selection.frames, strip)
    return _ReviewPlan(context, template, selection, samples, strip)


def warn_on_failure(message: str, work: Callable[[], T], warnings: list[str]) -> T | None:
    """Return what ``work`` returns. If it raises: add a warning that starts with ``message``, and
    return None. Raises Interrupted."""
    try:
        return work()
    except Interrupted:
        raise
    except Exception as error:  # noqa: BLE001 - reported; the result itself is good
        warnings.append(f"{message}: {describe_error(error)}.")
        return None


def describe_error(error: Exception) -> str:
    """Return the type, text and place of an exception in one line."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text} ({Path(place.filename).name}:{place.lineno})"
