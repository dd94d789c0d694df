"""Where the opening that is heard gets lost before it is drawn, stage by stage.

``.venv/bin/python -m benchmarks.lips.stages`` lets every face of the test media speak the words of
every speaker whose sound is in sync, and prints how each stage of planning follows that speaker's
own mouth. Nothing is drawn: after the faces are tracked once, all pairs take a few seconds. What
drawing adds shows ``benchmarks.lipsync``.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.lips.figures import at_times, wide_threshold
from benchmarks.lips.material import (
    ROOT,
    SILENT_FACES,
    Face,
    Sound,
    faces,
    further_speakers,
    media_folder,
    speakers,
)
from benchmarks.lips.studio import Actor, Studio, level_of
from heygem_daemon.engines.builtin.audio.listening import Speech, resample_to_frames
from heygem_daemon.engines.builtin.planner import fill_gaps, limit_aperture_speed
from heygem_daemon.engines.builtin.targets.calibration import lip_closure, scale_apertures
from heygem_daemon.engines.builtin.targets.speaker_adaptation import (
    SpeakerAdaptation,
    adapt_from_speech,
    apply_correction,
    no_adaptation,
)
from heygem_daemon.engines.builtin.targets.speaking_style import (
    SpeakingStyle,
    has_speech_motion,
    measure_speaking_style,
)
from heygem_daemon.engines.builtin.warp.aim import MouthShape, load_shape
from heygem_daemon.errors import BadInput
from heygem_daemon.face.tracking.mouth import APERTURE
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.render.measures import closed_threshold, correlation, share_closed
from heygem_daemon.speech.activity import Curve, loudness
from heygem_daemon.speech.features import STATE_RATE

Floats = NDArray[np.float32]

ALOUD_DB = 20.0
"""Sound is heard up to this much below loud speech."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A face, with what the engine knows of its person."""

    name: str
    actor: Actor
    style: SpeakingStyle
    adaptation: SpeakerAdaptation


@dataclass(frozen=True, slots=True)
class Stages:
    """How the opening of one pair follows the real speaker's after each stage: correlations."""

    face: str
    sound: str
    heard: float | None
    """What the audio model predicts."""
    adapted: float | None
    """The same, corrected for the person."""
    scaled: float | None
    """In the person's own range, with closed lips where it is lowest."""
    silent: float | None
    """Closed where nobody speaks."""
    closed: float | None
    """Closed where the lips are heard to be."""
    wanted: float | None
    """With the limit of speed: what is drawn."""
    shut: float | None
    """Share shut where the speaker's lips are, 0-1."""
    mute: float | None
    """Share shut where the speaker's mouth is wide open, 0-1."""
    aloud: float | None
    """The same where he is also heard, at most ``ALOUD_DB`` below loud speech: many mouths open
    before they speak."""


FIGURES = ("heard", "adapted", "scaled", "silent", "closed", "wanted", "shut", "mute", "aloud")


def measure_stages(
    listener: Listener, sound: str, speech: Speech, level: Curve, speaker: Actor
) -> Stages:
    """Return the stages of ``speech`` on a face, against the mouth of its ``speaker``.

    ``level``: of each 20 ms of the sound, dB.
    """
    fps = listener.actor.fps
    rate = Fraction(fps).limit_denominator(1001)
    count = int(speech.seconds * rate)
    real = at_times(speaker, np.arange(count) / fps)[:, APERTURE]
    own = speaker.mouth[:, APERTURE]

    def planned(speech: Speech) -> Floats:
        return scale_apertures(resample_to_frames(speech, count, rate), listener.style, fps)

    adapted = apply_correction(speech, listener.adaptation.correction)
    always = replace(adapted, activity=np.ones_like(adapted.activity))
    heard, corrected = (
        resample_to_frames(each, count, rate).scores[:, APERTURE] for each in (speech, adapted)
    )
    scaled = planned(replace(always, closed=np.zeros_like(adapted.closed)))
    silent = planned(replace(adapted, closed=np.zeros_like(adapted.closed)))
    closed = planned(replace(adapted, closed=lip_closure(adapted.closed)))
    wanted = limit_aperture_speed(closed, fps)
    threshold = closed_threshold(wanted)
    wide = real >= wide_threshold(own)
    heard_level = np.interp(np.arange(count) / fps, np.arange(len(level)) / STATE_RATE, level)
    is_loud = heard_level >= loudness(level) - ALOUD_DB
    return Stages(
        listener.name,
        sound,
        heard=correlation(heard, real),
        adapted=correlation(corrected, real),
        scaled=correlation(scaled, real),
        silent=correlation(silent, real),
        closed=correlation(closed, real),
        wanted=correlation(wanted, real),
        shut=share_closed(wanted, threshold, real <= closed_threshold(own)),
        mute=share_closed(wanted, threshold, wide),
        aloud=share_closed(wanted, threshold, wide & is_loud),
    )


def meet(face: Face, studio: Studio, shape: MouthShape) -> Listener:
    """Return a face with its style and adaptation, as a job measures them."""
    actor = studio.actor(face)
    adaptation = _adapt(face, actor, studio)
    mouth = fill_gaps(actor.mouth)
    speaks = bool(adaptation.speaking.any())
    shown = mouth[adaptation.speaking] if speaks else mouth
    style = measure_speaking_style(shown, actor.fps, shape, speaks)
    return Listener(face.name, actor, style, adaptation)


def _adapt(face: Face, actor: Actor, studio: Studio) -> SpeakerAdaptation:
    present = np.isfinite(actor.mouth[:, 0])
    if not has_speech_motion(actor.mouth[present]):
        return no_adaptation("", len(present))
    try:
        speech = studio.engine.listener.listen(read_waveform(face.video))
    except BadInput:
        return no_adaptation("", len(present))
    if speech.silent:
        return no_adaptation("", len(present))
    return adapt_from_speech(speech, actor.seconds, actor.mouth)


def all_pairs(
    listeners: Sequence[Listener], sounds: Iterable[Sound], studio: Studio
) -> Iterator[Stages]:
    """Yield the stages of every face with the words of every other speaker."""
    for sound in sounds:
        if sound.speaker is None:
            continue
        speaker = studio.actor(Face(sound.name, sound.speaker))
        speech = studio.engine.listener.listen(read_waveform(sound.audio))
        level = level_of(read_waveform(sound.audio))
        for listener in listeners:
            if listener.name != sound.name:
                yield measure_stages(listener, sound.name, speech, level, speaker)


def stages_table(rows: Sequence[Stages], key: Callable[[Stages], str], title: str) -> str:
    """Return a table in Markdown with a row per group, the mean over its pairs, and one for all."""
    groups = dict.fromkeys(map(key, rows))
    lines = [f"| {title} | pairs | {' | '.join(FIGURES)} |", "|---|" + "---:|" * (len(FIGURES) + 1)]
    lines += [_row(group, [row for row in rows if key(row) == group]) for group in groups]
    return "\n".join([*lines, _row("**mean**", rows)])


def _row(title: str, rows: Sequence[Stages]) -> str:
    cells = [f"{_mean(getattr(row, name) for row in rows):.2f}" for name in FIGURES]
    return f"| {title} | {len(rows)} | {' | '.join(cells)} |"


def _mean(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else float("nan")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "lipsync")
    parser.add_argument("--pairs", action="store_true", help="also print a row per pair")
    options = parser.parse_args()
    media = media_folder()
    if media is None:
        raise SystemExit("the test media beside the checkout are missing")
    studio, shape = Studio(options.work), load_shape(ROOT / "weights" / "builtin")
    drawn = [face for face in faces(media) if face.name not in SILENT_FACES]
    listeners = [meet(face, studio, shape) for face in drawn]
    spoken = [Sound(face.name, face.video, speaker=face.video) for face in speakers(media)]
    rows = list(all_pairs(listeners, [*spoken, *further_speakers(media)], studio))
    print(stages_table(rows, lambda row: row.face, "face"), end="\n\n")
    print(stages_table(rows, lambda row: row.sound, "speaker"))
    if options.pairs:
        print()
        print(stages_table(rows, lambda row: f"{row.face} says {row.sound}", "pair"))


if __name__ == "__main__":
    main()
