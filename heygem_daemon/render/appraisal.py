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
from heygem_daemon.render.draw import Scene
from heygem_daemon.render.quality import Quality, complaints, coverage_complaint
from heygem_daemon.render.review import Watch, review, sample
from heygem_daemon.render.source_samples import Before
from heygem_daemon.render.strip import Strip
from heygem_daemon.speech.activity import Curve, silent_frames

T = TypeVar("T")

NO_QUALITY = "The quality could not be measured"
NO_STRIP = "The before/after picture could not be drawn"


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
        wanted. Raises nothing: what cannot be prepared is told with the judgement."""
        self._scene = scene
        self._target = target
        self._warnings: list[str] = []
        prepare = partial(_plan, scene, template, level, self._warnings, target is not None)
        self._plan = spared(NO_QUALITY, prepare, self._warnings)

    def see_source(self, frame: int, source: Picture) -> None:
        """Look at the picture that an output frame is made of."""
        # What cannot be noted now is looked at again when the result is judged, and told then.
        with suppress(Exception):
            if self._plan is not None:
                self._plan.before.see(frame, source)

    def judge(self, verification: Verification) -> Appraisal:
        """Judge the published pictures, on their way through ``verification``, and draw the strip.

        Raises nothing: what is wrong with the result itself ``verification`` raises at its end.
        """
        appraisal = Appraisal(warnings=[*self._warnings])
        if self._plan is not None:
            self._look(self._plan, verification, appraisal)
        few = coverage_complaint(self._scene.performance.summary)
        appraisal.warnings += [few] if few else []
        fps = float(self._scene.timeline.fps)
        appraisal.warnings += complaints(appraisal.quality, fps) if appraisal.quality else []
        return appraisal

    def _look(self, plan: "_Plan", verification: Verification, appraisal: Appraisal) -> None:
        look = partial(plan.reviewed, verification)
        appraisal.quality = spared(NO_QUALITY, look, appraisal.warnings)
        if plan.strip is not None and self._target is not None:
            draw = partial(plan.strip.write, self._target)
            appraisal.strip = spared(NO_STRIP, draw, appraisal.warnings)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What will be looked at, and what is noted of its sources before."""

    scene: Scene
    template: Template
    watch: Watch
    before: Before
    strip: Strip | None

    def reviewed(self, verification: Verification) -> Quality:
        """What the pictures that pass through ``verification`` show."""
        self.before.catch_up()
        return review(
            self.scene,
            self.template,
            self.watch,
            self.before.edges,
            verification.pictures(self.watch.frames),
            self.strip.see_result if self.strip else lambda _frame, _picture: None,
        )


def _plan(
    scene: Scene, template: Template, level: Curve, warnings: list[str], with_strip: bool
) -> _Plan:
    """Decide what to look at. A strip that cannot be had is a warning, and none."""
    fps = float(scene.timeline.fps)
    silent = silent_frames(level, len(scene.timeline), fps)
    watch = Watch(silent, sample(silent, fps))
    choose = partial(Strip, scene, template, watch.frames)
    strip = spared(NO_STRIP, choose, warnings) if with_strip else None
    before = Before(scene, template, watch.frames, strip)
    return _Plan(scene, template, watch, before, strip)


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
