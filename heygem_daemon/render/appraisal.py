"""What is added to a finished result: its quality, its strip, and what to tell the operator.

Nothing here may cost the result: whatever fails is said in a warning.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar

from heygem_daemon.engines.base import Template
from heygem_daemon.media.picture import Picture
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


def appraise(
    scene: Scene,
    template: Template,
    level: Curve,
    result: Path,
    target: Path | None,
    on_pictures: Callable[[int, int], None],
) -> Appraisal:
    """Judge the published file ``result``, and draw its strip into the file ``target``.

    ``level``: dB of each 20 ms of the sound. ``on_pictures(done, total)`` is told how many of
    the pictures that are looked at are done.
    """
    appraisal, fps = Appraisal(), float(scene.timeline.fps)
    silent = silent_frames(level, len(scene.timeline), fps)
    windows = sample(silent, fps)
    frames = [frame for window in windows for frame in window]
    strip = Strip(scene, template, frames) if target else None
    done = count(1)

    def see(frame: int, source: Picture, shown: Picture) -> None:
        if strip is not None:
            strip.see(frame, source, shown)
        on_pictures(next(done), len(frames))

    def look() -> Quality:
        return review(scene, template, silent, windows, result, see)

    appraisal.quality = spared("The quality could not be measured", look, appraisal.warnings)
    if strip is not None and target is not None:
        draw = partial(strip.write, target)
        failure = "The before/after picture could not be drawn"
        appraisal.strip = spared(failure, draw, appraisal.warnings)
    few = coverage_complaint(scene.performance.summary)
    appraisal.warnings += [few] if few else []
    appraisal.warnings += complaints(appraisal.quality, fps) if appraisal.quality else []
    return appraisal


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
