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
from heygem_daemon.media.verify import Verification
from heygem_daemon.render.before import Before
from heygem_daemon.render.draw import Scene
from heygem_daemon.render.quality import Quality, complaints, coverage_complaint
from heygem_daemon.render.review import review, sample
from heygem_daemon.render.strip import Strip
from heygem_daemon.speech.activity import Curve
from heygem_daemon.speech.quiet import silent_frames

T = TypeVar("T")


@dataclass(slots=True)
class Appraisal:
    """``quality`` and ``strip`` are None where they were not wanted or could not be had;
    ``warnings`` are sentences for report and log."""

    quality: Quality | None = None
    strip: Path | None = None
    warnings: list[str] = field(default_factory=list)


class Appraiser:
    """Looks on while a result is drawn, and judges it when it is finished."""

    def __init__(self, scene: Scene, template: Template, level: Curve, target: Path | None) -> None:
        """``level``: dB of each 20 ms of the sound; ``target``: the strip's file, if one is
        wanted."""
        fps = float(scene.timeline.fps)
        self._scene = scene
        self._template = template
        self._target = target
        self._silent = silent_frames(level, len(scene.timeline), fps)
        self._windows = sample(self._silent, fps)
        self._frames = [frame for window in self._windows for frame in window]
        self._strip = Strip(scene, template, self._frames) if target else None
        self._before = Before(scene, template, self._frames, self._strip)

    def see_source(self, frame: int, source: Picture) -> None:
        """Look at the picture that an output frame is made of."""
        # What cannot be noted now is looked at again when the result is judged, and told then.
        with suppress(Exception):
            self._before.see(frame, source)

    def judge(self, verification: Verification) -> Appraisal:
        """Judge the published pictures, on their way through ``verification``, and draw the strip.

        Raises nothing: what is wrong with the result itself ``verification`` raises at its end.
        """
        appraisal = Appraisal()
        look = partial(self._reviewed, verification)
        appraisal.quality = spared("The quality could not be measured", look, appraisal.warnings)
        if self._strip is not None and self._target is not None:
            draw = partial(self._strip.write, self._target)
            failure = "The before/after picture could not be drawn"
            appraisal.strip = spared(failure, draw, appraisal.warnings)
        few = coverage_complaint(self._scene.performance.summary)
        appraisal.warnings += [few] if few else []
        fps = float(self._scene.timeline.fps)
        appraisal.warnings += complaints(appraisal.quality, fps) if appraisal.quality else []
        return appraisal

    def _reviewed(self, verification: Verification) -> Quality:
        self._before.catch_up()
        return review(
            self._scene,
            self._template,
            self._silent,
            self._windows,
            self._before.edges,
            verification.pictures(self._frames),
            self._strip.see_result if self._strip else lambda _frame, _picture: None,
        )


def spared(failure: str, work: Callable[[], T], warnings: list[str]) -> T | None:
    """What ``work`` returns; where it fails None, and a warning that begins with ``failure``."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - told in report and log; the result is good as it is
        warnings.append(f"{failure}: {located(error)}.")
        return None


def located(error: Exception) -> str:
    """Kind, text and place of an exception in one line."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text} ({Path(place.filename).name}:{place.lineno})"
