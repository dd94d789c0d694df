"""Adapts predicted scores to one person, from the speech in that person's video.

A ridge regression maps the heads' hidden states to the difference between the measured mouth and
the heads' scores. A correction that does not improve seconds that it was not fitted to is dropped.
The result is learned once from the first seconds of a template, and stored with it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import SAMPLE_RATE, Template
from heygem_daemon.engines.builtin.audio.heads import COMPONENTS, PARAMETERS
from heygem_daemon.engines.builtin.audio.listening import Speech, standardize_scores
from heygem_daemon.engines.builtin.targets.speaking_style import has_speech_motion
from heygem_daemon.engines.builtin.targets.sync import SyncMatch, find_sync
from heygem_daemon.engines.builtin.targets.temporal_filters import (
    high_pass_z_scores,
    interpolate_at,
    low_pass,
)
from heygem_daemon.errors import BadInput
from heygem_daemon.face.tracking.mouth import APERTURE
from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.timeline import PictureTimes, lateness
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform, sound_start
from heygem_daemon.speech.features import STATE_RATE

RIDGE = 1000.0
"""Penalty on the weights, in squared units of the hidden states over all pictures: a few seconds
hardly count against it, a minute does."""
HIGH_PASS_SECONDS = 0.5
"""Only faster changes than this are learned; slower ones are expression and head movement."""
FOLDS = 10
"""Number of sections, each predicted from the others."""
FOLD_GAP_SECONDS = 0.2
"""Margin around a predicted section that is not learned from: the heads cover that much audio."""
ADAPTED_PARAMETERS = np.array([True, False, False, False])
"""Of the mouth parameters, only the aperture is corrected. What is learned of width and jaw from a
few seconds holds for the person's own voice; with other speakers' audio it made both worse."""
LEAST_GAIN = 0.02
"""Smallest gain in correlation on held-out seconds; less is chance."""
LEAST_AGREEMENT = 0.3
"""If the heads' correlation with a parameter is lower, most of the difference is unrelated to
speech."""
LARGEST_CHANGE = 0.5
"""Largest change of a score, in its standard deviations: it limits the error for a voice that
differs from the one that was learned from."""


STATES_AT_ONCE = 4096
"""Number of hidden states that are converted to float32 at once."""
VERSION = 4
"""Increased whenever the same video and weights would give another result."""
AUDIO_LIMIT_SECONDS = 40
"""How much of a video's audio is used: a second or two of work, however long the video is."""
LEAST_SPEECH_SECONDS = 2.0
"""Nothing is learned from less speech."""
NO_SOUND = "the video has no sound"
MOUTH_STILL = "the mouth in the video does not move as in speech"
LEAST_LEARNING_SECONDS = 3.5
"""No correction is learned from less: what was learned from three seconds of one of GRID's speakers
made everybody else's speech worse on that mouth (correlation 0.76 to 0.72)."""
TOO_LITTLE_SPEECH = "the video's sound holds too little speech"
AUDIO_MISMATCH = "the video's sound does not fit its mouth"
NOT_IMPROVED = "held-out seconds were not predicted better"
IMPROVED = "held-out seconds were predicted better"
ListenFunction = Callable[[Iterable[Floats]], Speech]


@dataclass(frozen=True, slots=True)
class ScoreCorrection:
    """A linear correction of scores for one person."""

    weights: Floats
    """(C, 4), from the hidden states to a change of the scores; 0 for a parameter that is not
    corrected."""
    gain: Floats
    """(4,), gain in correlation on held-out seconds."""

    @property
    def has_effect(self) -> bool:
        """Whether the correction changes anything."""
        return bool(self.weights.any())


@dataclass(frozen=True, slots=True)
class OwnSound:
    """What was heard at the beginning of a video."""

    speech: Speech
    start: Fraction
    """When its first sample is heard, in seconds of the file."""


@dataclass(frozen=True, slots=True)
class SpeakerAdaptation:
    """What was learned from a video's own speech."""

    reason: str
    """The result as a clause."""
    sync: SyncMatch
    """How audio and mouth agree."""
    speaking: NDArray[np.bool_]
    """(T,), the pictures in which the person visibly and audibly speaks; none if the audio does not
    fit."""
    correction: ScoreCorrection
    """The correction for this person; it may have no effect."""

    @property
    def figures(self) -> dict[str, float | int | str | bool]:
        """Figures for the report."""
        has_speech = bool(self.speaking.any())
        use = (
            "used" if self.correction.has_effect else "own range only" if has_speech else "not used"
        )
        return {
            "adaptation": use,
            "adaptation_reason": self.reason,
            "adaptation_gain": round(float(self.correction.gain[APERTURE]), 3),
            "own_sound_correlation": round(self.sync.correlation, 3),
            "own_sound_offset_ms": round(1000 * self.sync.offset_seconds) if has_speech else 0,
        }


def load_speaker_adaptation(
    template: Template, parameters: Floats, listen: ListenFunction, weights: str
) -> SpeakerAdaptation:
    """Return what is learned from the template's audio, from the cache or learned now.

    ``parameters``: (T, 4), NaN where there is no face; ``weights``: hash of the weights, with which
    the cached result must have been learned. Audio that is missing or cannot be decoded counts as
    none. Raises EnvironmentFault.
    """
    name = f"builtin-speech-v{VERSION}-{weights[:16]}.safetensors"
    try:
        return _read(template.cache / name)
    except (OSError, KeyError, IndexError, SafetensorError):
        visible = np.where(template.track.usable[:, None], parameters, np.nan).astype(np.float32)
        adaptation = adapt_from_video(template, visible, listen)
    with template.keep(name) as temporary:
        _write(adaptation, temporary)
    return adaptation


def adapt_from_video(
    template: Template, parameters: Floats, listen: ListenFunction
) -> SpeakerAdaptation:
    """Return what ``load_speaker_adaptation`` returns, without a cache."""
    present = np.isfinite(parameters[:, 0])
    if not has_speech_motion(parameters[present]):
        return no_adaptation(MOUTH_STILL, len(parameters))
    sound = template.heard
    try:
        if not isinstance(sound, OwnSound):
            sound = hear_own_sound(template.video, listen, template.guard)
    except BadInput:
        return no_adaptation(NO_SOUND, len(parameters))
    if sound.speech.silent:
        return no_adaptation(NO_SOUND, len(parameters))
    shown = _picture_times(template)
    late = lateness((sound.start, sound.speech.seconds), (shown.start, shown.length))
    seconds = shown.seconds[: len(parameters)] - float(late)
    return adapt_from_speech(sound.speech, seconds.astype(np.float32), parameters)


def hear_own_sound(video: Path, listen: ListenFunction, guard: MediaGuard) -> OwnSound:
    """Listen to the beginning of a video. Raises BadInput where it has no sound."""
    waveform = read_waveform(video, guard=guard)
    speech = listen(first_samples(waveform, AUDIO_LIMIT_SECONDS * SAMPLE_RATE))
    return OwnSound(speech, sound_start(video, guard))


def _picture_times(template: Template) -> PictureTimes:
    if template.times is not None:
        return template.times
    with VideoReader(template.video, guard=template.guard) as reader:
        return reader.times


def adapt_from_speech(speech: Speech, seconds: Floats, parameters: Floats) -> SpeakerAdaptation:
    """Return what is learned from ``speech`` and the mouth in pictures shown at ``seconds`` (T,)
    of the speech; before 0 it has not begun.

    ``parameters``: (T, 4), NaN where there is no face.
    """
    is_heard = (seconds >= 0) & (seconds < len(speech) / STATE_RATE)
    usable = np.isfinite(parameters[:, 0]) & is_heard
    if usable.sum() < 2:
        return no_adaptation(TOO_LITTLE_SPEECH, len(parameters))
    times, measured = seconds[usable], parameters[usable]
    sync = find_sync(speech.scores, times, measured)
    speaking = usable & (
        interpolate_at(speech.activity[:, None], seconds + sync.offset_seconds)[:, 0] > 0.5
    )
    fps = len(times) / (float(np.ptp(times)) + 1e-6)
    if speaking.sum() < LEAST_SPEECH_SECONDS * fps:
        return no_adaptation(TOO_LITTLE_SPEECH, len(parameters), sync)
    if not sync.is_match:
        return no_adaptation(AUDIO_MISMATCH, len(parameters), sync)
    audio_times = times + sync.offset_seconds
    hidden = interpolate_at(speech.hidden.astype(np.float32), audio_times)
    correction = fit_correction(interpolate_at(speech.scores, audio_times), hidden, measured, fps)
    return SpeakerAdaptation(
        IMPROVED if correction.has_effect else NOT_IMPROVED, sync, speaking, correction
    )


def no_adaptation(reason: str, pictures: int, sync: SyncMatch | None = None) -> SpeakerAdaptation:
    """Return the result that nothing was learned."""
    silent = np.zeros(pictures, np.bool_)
    return SpeakerAdaptation(reason, sync or SyncMatch(0.0, 0.0, 0.0), silent, no_correction())


def first_samples(blocks: Iterable[Floats], samples: int) -> Iterator[Floats]:
    """Yield the first ``samples`` samples of audio."""
    for block in blocks:
        yield block[:samples]
        samples -= len(block)
        if samples <= 0:
            return


def no_correction() -> ScoreCorrection:
    """Return a correction that changes nothing."""
    columns = len(PARAMETERS)
    return ScoreCorrection(
        np.zeros((COMPONENTS, columns), np.float32), np.zeros(columns, np.float32)
    )


def fit_correction(score: Floats, hidden: Floats, measured: Floats, fps: float) -> ScoreCorrection:
    """Return the correction for a measured mouth.

    ``measured``: (T, 4), mouth parameters of the pictures. ``score`` (T, 4) and ``hidden`` (T, C):
    what the heads predict at their times.
    """
    sigma = HIGH_PASS_SECONDS * fps
    if len(measured) < LEAST_LEARNING_SECONDS * fps:
        return no_correction()
    predicted, target = high_pass_z_scores(score, sigma), high_pass_z_scores(measured, sigma)
    inputs, difference = hidden - low_pass(hidden, sigma), target - predicted
    change = _cross_validate(hidden, inputs, difference, round(FOLD_GAP_SECONDS * fps))
    gain = correlations(score + change, measured) - correlations(score, measured)
    kept = (
        ADAPTED_PARAMETERS
        & (gain >= LEAST_GAIN)
        & ((predicted * target).mean(axis=0) >= LEAST_AGREEMENT)
    )
    return ScoreCorrection(_ridge(inputs, difference) * kept, (gain * kept).astype(np.float32))


def apply_correction(speech: Speech, correction: ScoreCorrection) -> Speech:
    """Return the speech with the scores of this person; everything else is unchanged."""
    if not correction.has_effect:
        return speech
    weights = speech.activity / np.float32(max(float(speech.activity.sum()), 1e-6))
    change = _apply_weights(speech.hidden, correction.weights)
    moved = speech.scores + np.clip(change - weights @ change, -LARGEST_CHANGE, LARGEST_CHANGE)
    changed = correction.weights.any(axis=0)
    scores = np.where(changed, standardize_scores(moved, speech.activity), speech.scores)
    return replace(speech, scores=scores)


def correlations(one: Floats, other: Floats) -> Floats:
    """Return the Pearson correlation (P,) of the columns of two (T, P); 0 for a constant column."""
    a, b = one - one.mean(axis=0), other - other.mean(axis=0)
    power = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
    return np.asarray((a * b).sum(axis=0) / np.maximum(power, 1e-9), np.float32)


def _write(adaptation: SpeakerAdaptation, path: Path) -> None:
    sync, correction = adaptation.sync, adaptation.correction
    tensors: dict[str, NDArray[Any]] = {
        "reason": np.frombuffer(adaptation.reason.encode(), np.uint8),
        "sync": np.array([sync.offset_seconds, sync.correlation, sync.significance], np.float32),
        "speaking": adaptation.speaking,
        "weights": correction.weights,
        "gain": correction.gain,
    }
    save_file(tensors, path)


def _read(path: Path) -> SpeakerAdaptation:
    tensors = load_file(path)
    sync = SyncMatch(*(float(value) for value in tensors["sync"]))
    correction = ScoreCorrection(tensors["weights"], tensors["gain"])
    reason = tensors["reason"].tobytes().decode()
    return SpeakerAdaptation(reason, sync, tensors["speaking"], correction)


def _cross_validate(hidden: Floats, inputs: Floats, difference: Floats, gap: int) -> Floats:
    """Return the change (T, 4) of each section, as learned from the other sections."""
    numbers = np.arange(len(difference))
    change = np.zeros_like(difference)
    for section in np.array_split(numbers, FOLDS):
        others = (numbers < section[0] - gap) | (numbers > section[-1] + gap)
        weights = _ridge(inputs[others], difference[others])
        change[section] = _change(hidden[section] - hidden[others].mean(axis=0), weights)
    return change


def _change(centred: Floats, weights: Floats) -> Floats:
    """Return the limited change of the scores."""
    changes: Floats = np.clip(centred @ weights, -LARGEST_CHANGE, LARGEST_CHANGE)
    return changes


def _apply_weights(hidden: NDArray[np.float16], weights: Floats) -> Floats:
    """Return ``hidden`` (N, C) times ``weights`` (C, P), without a float32 copy of all states."""
    changes = np.empty((len(hidden), weights.shape[1]), np.float32)
    for start in range(0, len(hidden), STATES_AT_ONCE):
        part = slice(start, start + STATES_AT_ONCE)
        changes[part] = hidden[part].astype(np.float32) @ weights
    return changes


def _ridge(inputs: Floats, targets: Floats) -> Floats:
    """Return the weights (C, P) from inputs (T, C) to targets (T, P)."""
    gram = inputs.T @ inputs + RIDGE * np.eye(inputs.shape[1])
    weights: Floats = np.linalg.solve(gram, inputs.T @ targets).astype(np.float32)
    return weights
