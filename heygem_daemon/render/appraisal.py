"""What is added to a finished result: its quality, its strip, and what to tell the operator.

Nothing here may cost the result: whatever fails is said in a warning.
"""

import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from heygem_daemon.engines.base import Template
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.verify import ResultVerifier
from heygem_daemon.render.draw import RenderContext
from heygem_daemon.render.quality import Quality, coverage_warning, quality_warnings
from heygem_daemon.render.review import ReviewSelection, choose_windows, measure_quality
from heygem_daemon.render.source_samples import SourceSamples
from heygem_daemon.render.strip import ComparisonStrip
from heygem_daemon.speech.activity import Curve, silent_frames

T = TypeVar("T")

QUALITY_FAILED = "The quality could not be measured"
STRIP_FAILED = "The before/after picture could not be drawn"


@dataclass(slots=True)
class Appraisal:
    """``quality`` and ``strip`` are None where they were not wanted or could not be had;
    ``warnings`` are sentences for report and log."""

    quality: Quality | None = None
    strip: Path | None = None
    warnings: list[str] = field(default_factory=list)


class Appraiser:
    """Looks on while a result is drawn, and judges it when it is finished."""

    def __init__(
        self, context: RenderContext, template: Template, level: Curve, target: Path | None
    ) -> None:
        """``level``: dB of each 20 ms of the sound; ``target``: the strip's file, if one is
        wanted. Raises nothing: what cannot be prepared is told with the judgement."""
        self._context = context
        self._target = target
        self._warnings: list[str] = []
        prepare = partial(
            _plan_review, context, template, level, self._warnings, target is not None
        )
        self._plan = warn_on_failure(QUALITY_FAILED, prepare, self._warnings)

    def add_source(self, frame: int, source: Picture) -> None:
        """Look at the picture that an output frame is made of."""
        # What cannot be noted now is looked at again when the result is judged, and told then.
        with suppress(Exception):
            if self._plan is not None:
                self._plan.source_samples.add(frame, source)

    def appraise(self, verifier: ResultVerifier) -> Appraisal:
        """Judge the published pictures, on their way through ``verification``, and draw the strip.

        Raises nothing: what is wrong with the result itself ``verification`` raises at its end.
        """
        appraisal = Appraisal(warnings=[*self._warnings])
        if self._plan is not None:
            self._review(self._plan, verifier, appraisal)
        few = coverage_warning(self._context.performance.summary)
        appraisal.warnings += [few] if few else []
        fps = float(self._context.timeline.fps)
        appraisal.warnings += quality_warnings(appraisal.quality, fps) if appraisal.quality else []
        return appraisal

    def _review(
        self, plan: "_ReviewPlan", verification: ResultVerifier, appraisal: Appraisal
    ) -> None:
        look = partial(plan.review, verification)
        appraisal.quality = warn_on_failure(QUALITY_FAILED, look, appraisal.warnings)
        if plan.strip is not None and self._target is not None:
            draw = partial(plan.strip.write, self._target)
            appraisal.strip = warn_on_failure(STRIP_FAILED, draw, appraisal.warnings)


@dataclass(frozen=True, slots=True)
class _ReviewPlan:
    """What will be looked at, and what is noted of its sources before."""

    context: RenderContext
    template: Template
    selection: ReviewSelection
    source_samples: SourceSamples
    strip: ComparisonStrip | None

    def review(self, verifier: ResultVerifier) -> Quality:
        """What the pictures that pass through ``verification`` show."""
        self.source_samples.add_missing()
        return measure_quality(
            self.context,
            self.template,
            self.selection,
            self.source_samples.sharpness_by_frame,
            verifier.read_pictures(self.selection.frames),
            self.strip.add_result if self.strip else lambda _frame, _picture: None,
        )


def _plan_review(
    context: RenderContext, template: Template, level: Curve, warnings: list[str], with_strip: bool
) -> _ReviewPlan:
    """Decide what to look at. A strip that cannot be had is a warning, and none."""
    fps = float(context.timeline.fps)
    silent = silent_frames(level, len(context.timeline), fps)
    watch = ReviewSelection(silent, choose_windows(silent, fps))
    choose = partial(ComparisonStrip, context, template, watch.frames)
    strip = warn_on_failure(STRIP_FAILED, choose, warnings) if with_strip else None
    before = SourceSamples(context, template, watch.frames, strip)
    return _ReviewPlan(context, template, watch, before, strip)


def warn_on_failure(message: str, work: Callable[[], T], warnings: list[str]) -> T | None:
    """What ``work`` returns; where it fails None, and a warning that begins with ``failure``."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - told in report and log; the result is good as it is
        warnings.append(f"{message}: {describe_error(error)}.")
        return None


def describe_error(error: Exception) -> str:
    """Kind, text and place of an exception in one line."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text} ({Path(place.filename).name}:{place.lineno})"
