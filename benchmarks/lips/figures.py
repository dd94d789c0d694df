"""The figures of one rendered pair, from curves alone. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.lips.material import Sound
from benchmarks.lips.studio import Actor, Shot
from heygem_daemon.face.tracking.mouth import APERTURE, JAW, WIDTH
from heygem_daemon.render.measures import (
    MIN_RANGE_IOD,
    closed_threshold,
    correlation,
    jitter,
    lag,
    robust_range,
    share_closed,
)
from heygem_daemon.speech.activity import silent_frames

Floats = NDArray[np.float32]

LIP_SOUNDS = {"m", "b", "p"}
REACH = 5


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of one pair; None: not of this one.

    ``obeys``: correlation of published with wanted aperture; ``late``: its lag in frames;
    ``lips``: share of /m b p/ at whose middle the mouth is closed; ``silence``: share closed in
    silence; ``jitter``: over a real speaker's; ``range``: over the person's own;
    ``sharpness``: over the source's; ``alike``: the same, where that is as wide open;
    ``outside``: changed samples; ``aperture``, ``width``, ``jaw``: correlation with the real
    speaker's at lag 0; ``closures``: share closed where the real speaker is closed.
    ``…_count``: how many sounds or frames a share is of.
    """

    face: str
    sound: str
    frames: int
    coverage: float
    obeys: float | None = None
    late: float | None = None
    lips: float | None = None
    silence: float | None = None
    jitter: float | None = None
    range: float | None = None
    sharpness: float | None = None
    alike: float | None = None
    outside: float | None = None
    aperture: float | None = None
    width: float | None = None
    jaw: float | None = None
    closures: float | None = None
    lips_count: int = 0
    silence_count: int = 0
    closures_count: int = 0
    refused: str | None = None

    def to_json(self) -> dict[str, object]:
        return asdict(self)


FIGURES = tuple(
    field.name
    for field in fields(Figures)
    if field.name not in {"face", "sound", "refused"} and not field.name.endswith("_count")
)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a pair is measured by: ``own``, the face as filmed; ``speaker``, who really said the
    words; ``jitter`` of a real speaker."""

    own: Actor
    speaker: Actor | None
    jitter: float | None


def figures_of(face: str, sound: Sound, shot: Shot, measure: Measure) -> Figures:
    """All that applies to a pair."""
    seen, wanted = shot.seen[:, APERTURE], shot.wanted[:, APERTURE]
    silent = silent_frames(shot.level, len(seen), shot.fps)
    speaking = np.where(silent, np.nan, seen).astype(np.float32)
    shut = lip_sounds(sound, len(seen), shot.fps)
    own = robust_range(measure.own.mouth[:, APERTURE])
    quality = shot.report["quality"] or {}
    row = Figures(
        face=face,
        sound=sound.name,
        frames=len(seen),
        coverage=shot.report["coverage"],
        obeys=correlation(seen, wanted),
        late=lag(seen, wanted, REACH),
        lips=share_closed(seen, closed_threshold(seen), shut),
        silence=share_closed(seen, closed_threshold(seen), silent),
        lips_count=int(shut.sum()),
        silence_count=int(silent.sum()),
        jitter=over(jitter(speaking), measure.jitter),
        range=over(robust_range(speaking), own) if own and own > MIN_RANGE_IOD else None,
        sharpness=quality.get("sharpness"),
        alike=shot.alike,
        outside=float(shot.outside),
    )
    return row if measure.speaker is None else beside_the_speaker(row, shot, measure.speaker)


def usual_jitter(actors: Sequence[Actor]) -> float | None:
    """Jitter of a real speaker: the median of several."""
    known = [value for actor in actors if (value := jitter(actor.mouth[:, APERTURE])) is not None]
    return float(np.median(known)) if known else None


def lip_sounds(sound: Sound, count: int, fps: float) -> NDArray[np.bool_]:
    """(N,), the frames nearest to the middles of /m b p/."""
    middles = [(p.start + p.end) / 2 for p in sound.phones if p.name in LIP_SOUNDS]
    frames = np.array([round(middle * fps) for middle in middles], np.int64)
    when = np.zeros(count, np.bool_)
    when[frames[frames < count]] = True
    return when


def beside_the_speaker(row: Figures, shot: Shot, speaker: Actor) -> Figures:
    """``row`` with how the published mouth goes with that of who really said it, at lag 0."""
    real = at_times(speaker, np.arange(len(shot.seen)) / shot.fps)
    closed = real[:, APERTURE] <= closed_threshold(speaker.mouth[:, APERTURE])
    seen = shot.seen[:, APERTURE]
    return replace(
        row,
        aperture=correlation(seen, real[:, APERTURE]),
        width=correlation(shot.seen[:, WIDTH], real[:, WIDTH]),
        jaw=correlation(shot.seen[:, JAW], real[:, JAW]),
        closures=share_closed(seen, closed_threshold(seen), closed),
        closures_count=int(closed.sum()),
    )


def at_times(actor: Actor, times: NDArray[np.float64]) -> Floats:
    """The actor's mouth (N, 4) at some times, linear between pictures; NaN beyond them and
    beside pictures without a face."""
    columns = [
        np.interp(times, actor.seconds, column, left=np.nan, right=np.nan)
        for column in actor.mouth.T
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def over(figure: float | None, reference: float | None) -> float | None:
    """The ratio of two figures, where both are known."""
    return figure / reference if figure is not None and reference else None
