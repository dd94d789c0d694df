"""The figures of one rendered pair, computed from curves only."""

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
"""Phones with closed lips."""
WIDE_SHARE = 0.6
"""A mouth is wide open from this share of its own range on, the 5th to 95th percentile."""
REACH = 5
"""Largest lag that is tried, frames."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one pair. None: does not apply, or cannot be measured."""

    face: str
    sound: str
    frames: int
    coverage: float
    """Share of frames in which the mouth is drawn, 0-1."""
    obeys: float | None = None
    """Correlation of published with target aperture."""
    late: float | None = None
    """Its lag, frames."""
    lips: float | None = None
    """Share of /m b p/ in whose middle the mouth is closed."""
    silence: float | None = None
    """Share of silence in which the mouth is closed."""
    jitter: float | None = None
    """Relative to a real speaker's."""
    range: float | None = None
    """Relative to the person's own."""
    sharpness: float | None = None
    """Relative to the source's."""
    alike: float | None = None
    """The same, compared with source pictures that are equally open."""
    flicker: float | None = None
    """Change from frame to frame where the aperture is still, relative to the source's."""
    nearness: float | None = None
    """Distance to the nearest real mouth, relative to that of real mouths among themselves."""
    outside: float | None = None
    """Changed samples outside the region."""
    aperture: float | None = None
    """Correlation with the real speaker's at lag 0."""
    width: float | None = None
    """Correlation with the real speaker's at lag 0."""
    jaw: float | None = None
    """Correlation with the real speaker's at lag 0."""
    closures: float | None = None
    """Share closed where the real speaker is closed."""
    mute: float | None = None
    """Share closed where the real speaker's mouth is wide open."""
    heard: float | None = None
    """Correlation of the heard aperture with the real speaker's at lag 0."""
    wanted: float | None = None
    """Correlation of the target aperture with the real speaker's at lag 0."""
    lips_count: int = 0
    """Number of phones that ``lips`` is a share of."""
    silence_count: int = 0
    """Number of frames that ``silence`` is a share of."""
    closures_count: int = 0
    """Number of frames that ``closures`` is a share of."""
    mute_count: int = 0
    """Number of frames that ``mute`` is a share of."""
    refused: str | None = None
    """Why the pair was not rendered."""

    def to_json(self) -> dict[str, object]:
        return asdict(self)


FIGURES = tuple(
    field.name
    for field in fields(Figures)
    if field.name not in {"face", "sound", "refused"} and not field.name.endswith("_count")
)


@dataclass(frozen=True, slots=True)
class Measure:
    """What a pair is compared with."""

    own: Actor
    """The face as filmed."""
    speaker: Actor | None
    """The real speaker of the words, if known."""
    jitter: float | None
    """Jitter of a real speaker."""


def figures_of(face: str, sound: Sound, shot: Shot, measure: Measure) -> Figures:
    """Return all figures that apply to a pair."""
    published, targets = shot.published[:, APERTURE], shot.targets[:, APERTURE]
    silent = silent_frames(shot.level, len(published), shot.fps)
    speaking = np.where(silent, np.nan, published).astype(np.float32)
    at_lip_sounds = lip_sounds(sound, len(published), shot.fps)
    own_range = robust_range(measure.own.mouth[:, APERTURE])
    quality = shot.report["quality"] or {}
    row = Figures(
        face=face,
        sound=sound.name,
        frames=len(published),
        coverage=shot.report["coverage"],
        obeys=correlation(published, targets),
        late=lag(published, targets, REACH),
        lips=share_closed(published, closed_threshold(published), at_lip_sounds),
        silence=share_closed(published, closed_threshold(published), silent),
        lips_count=int(at_lip_sounds.sum()),
        silence_count=int(silent.sum()),
        jitter=ratio(jitter(speaking), measure.jitter),
        range=ratio(robust_range(speaking), own_range)
        if own_range and own_range > MIN_RANGE_IOD
        else None,
        sharpness=quality.get("sharpness"),
        alike=shot.alike,
        flicker=shot.flicker,
        nearness=shot.nearness,
        outside=float(shot.outside),
    )
    return row if measure.speaker is None else compare_with_speaker(row, shot, measure.speaker)


def usual_jitter(actors: Sequence[Actor]) -> float | None:
    """Return the jitter of a real speaker: the median of several."""
    values = [value for actor in actors if (value := jitter(actor.mouth[:, APERTURE])) is not None]
    return float(np.median(values)) if values else None


def lip_sounds(sound: Sound, count: int, fps: float) -> NDArray[np.bool_]:
    """Return (N,): True in the frames nearest to the middles of /m b p/."""
    middles = [(p.start + p.end) / 2 for p in sound.phones if p.name in LIP_SOUNDS]
    frames = np.array([round(middle * fps) for middle in middles], np.int64)
    when = np.zeros(count, np.bool_)
    when[frames[frames < count]] = True
    return when


def compare_with_speaker(row: Figures, shot: Shot, speaker: Actor) -> Figures:
    """Return ``row`` with the correlations with the real speaker's mouth, at lag 0."""
    real = at_times(speaker, np.arange(len(shot.published)) / shot.fps)
    own = speaker.mouth[:, APERTURE]
    closed = real[:, APERTURE] <= closed_threshold(own)
    wide = real[:, APERTURE] >= wide_threshold(own)
    published = shot.published[:, APERTURE]
    return replace(
        row,
        aperture=correlation(published, real[:, APERTURE]),
        width=correlation(shot.published[:, WIDTH], real[:, WIDTH]),
        jaw=correlation(shot.published[:, JAW], real[:, JAW]),
        closures=share_closed(published, closed_threshold(published), closed),
        closures_count=int(closed.sum()),
        mute=share_closed(published, closed_threshold(published), wide),
        mute_count=int(wide.sum()),
        heard=correlation(shot.heard[:, APERTURE], real[:, APERTURE]),
        wanted=correlation(shot.targets[:, APERTURE], real[:, APERTURE]),
    )


def wide_threshold(apertures: Floats) -> float:
    """Return the aperture (IOD) from which on a mouth with ``apertures`` (T,) is wide open."""
    low, high = np.nanquantile(apertures, [0.05, 0.95]).tolist()
    return float(low + WIDE_SHARE * (high - low))


def at_times(actor: Actor, times: NDArray[np.float64]) -> Floats:
    """Return the actor's mouth (N, 4) at some times, linear between pictures.

    NaN outside the clip, and beside pictures without a face.
    """
    columns = [
        np.interp(times, actor.seconds, column, left=np.nan, right=np.nan)
        for column in actor.mouth.T
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def ratio(figure: float | None, reference: float | None) -> float | None:
    """Return the ratio of two figures if both are known."""
    return figure / reference if figure is not None and reference else None
