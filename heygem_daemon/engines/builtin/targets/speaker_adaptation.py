"""How one person's mouth differs from what the heads expect, learned from seconds of speech.

Ridge regression from the heads' hidden states to what their scores leave over of the seen mouth.
What does not help to predict seconds that it was not fitted to is dropped.

What a video's own sound tells of its person: how this mouth moves when it speaks.

Learned once from the first seconds of a template, and kept with it.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
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
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.speech.features import STATE_RATE

RIDGE = 1000.0
"""Penalty on the weights, in squared units of the hidden states over all pictures: a few seconds
hardly count against it, a minute does."""
HIGH_PASS_SECONDS = 0.5
"""Only what is quicker than this is learned: the rest is expression and the head's movement."""
FOLDS = 10
"""Stretches of time, each predicted from the others."""
FOLD_GAP_SECONDS = 0.2
"""Around a predicted stretch, so much is not learned from: the heads hear that far."""
ADAPTED_PARAMETERS = np.array([True, False, False, False])
"""Of the mouth parameters, the aperture alone is tuned. What is learned of width and jaw from a few
seconds holds for the person's own voice; with the words of others it made both worse."""
LEAST_GAIN = 0.02
"""Correlation that must be won on held-out seconds: less is chance."""
LEAST_AGREEMENT = 0.3
"""Where the heads agree less with a parameter, most of what is left over is not about speech."""
LARGEST_CHANGE = 0.5
"""Largest change of a score, in its standard deviations: another voice may be strange to the
weights, and must not be led astray."""


STATES_AT_ONCE = 4096
"""Hidden states that are widened to full precision at once."""


@dataclass(frozen=True, slots=True)
class ScoreCorrection:
    """``weights``: (C, 4) from the hidden states to a change of the scores, 0 for a parameter that
    is left as it is; ``gain``: (4,) correlation won on held-out seconds."""

    weights: Floats
    gain: Floats

    @property
    def has_effect(self) -> bool:
        """Whether anything is changed at all."""
        return bool(self.weights.any())


def no_correction() -> ScoreCorrection:
    """The adaptation that changes nothing."""
    count = len(PARAMETERS)
    return ScoreCorrection(np.zeros((COMPONENTS, count), np.float32), np.zeros(count, np.float32))


def fit_correction(score: Floats, hidden: Floats, seen: Floats, fps: float) -> ScoreCorrection:
    """The adaptation to a mouth ``seen`` (T, 4) in pictures at which ``score`` (T, 4) and
    ``hidden`` (T, C) were heard."""
    sigma = HIGH_PASS_SECONDS * fps
    heard, wanted = high_pass_z_scores(score, sigma), high_pass_z_scores(seen, sigma)
    inputs, rest = hidden - low_pass(hidden, sigma), wanted - heard
    change = _cross_validate(hidden, inputs, rest, round(FOLD_GAP_SECONDS * fps))
    gain = correlations(score + change, seen) - correlations(score, seen)
    kept = (
        ADAPTED_PARAMETERS
        & (gain >= LEAST_GAIN)
        & ((heard * wanted).mean(axis=0) >= LEAST_AGREEMENT)
    )
    return ScoreCorrection(_ridge(inputs, rest) * kept, (gain * kept).astype(np.float32))


def apply_correction(speech: Speech, correction: ScoreCorrection) -> Speech:
    """The speech as this person would say it: other scores, all else as it was."""
    if not correction.has_effect:
        return speech
    share = speech.activity / np.float32(max(float(speech.activity.sum()), 1e-6))
    told = _apply_weights(speech.hidden, correction.weights)
    moved = speech.scores + np.clip(told - share @ told, -LARGEST_CHANGE, LARGEST_CHANGE)
    changed = correction.weights.any(axis=0)
    score = np.where(changed, standardize_scores(moved, speech.activity), speech.scores)
    return replace(speech, scores=score)


def correlations(one: Floats, other: Floats) -> Floats:
    """Pearson correlation of each column of (T, P) with its like: (P,); 0 where one is constant."""
    a, b = one - one.mean(axis=0), other - other.mean(axis=0)
    power = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
    return np.asarray((a * b).sum(axis=0) / np.maximum(power, 1e-9), np.float32)


def _cross_validate(hidden: Floats, inputs: Floats, rest: Floats, apart: int) -> Floats:
    """The change that would be made to each stretch by what the others tell, (T, 4)."""
    numbers = np.arange(len(rest))
    change = np.zeros_like(rest)
    for block in np.array_split(numbers, FOLDS):
        others = (numbers < block[0] - apart) | (numbers > block[-1] + apart)
        weights = _ridge(inputs[others], rest[others])
        change[block] = _change(hidden[block] - hidden[others].mean(axis=0), weights)
    return change


def _change(centred: Floats, weights: Floats) -> Floats:
    changes: Floats = np.clip(centred @ weights, -LARGEST_CHANGE, LARGEST_CHANGE)
    return changes


def _apply_weights(hidden: NDArray[np.float16], weights: Floats) -> Floats:
    """``hidden`` (N, C) times ``weights`` (C, P), an hour of sound without a copy of it."""
    told = np.empty((len(hidden), weights.shape[1]), np.float32)
    for start in range(0, len(hidden), STATES_AT_ONCE):
        part = slice(start, start + STATES_AT_ONCE)
        told[part] = hidden[part].astype(np.float32) @ weights
    return told


def _ridge(inputs: Floats, targets: Floats) -> Floats:
    """Weights (C, P) from inputs (T, C) to targets (T, P)."""
    gram = inputs.T @ inputs + RIDGE * np.eye(inputs.shape[1])
    weights: Floats = np.linalg.solve(gram, inputs.T @ targets).astype(np.float32)
    return weights


ListenFunction = Callable[[Iterable[Floats]], Speech]

VERSION = 2
"""Raised whenever the same video and weights would tell something else."""
AUDIO_LIMIT_SECONDS = 40
"""So much of a video's sound is listened to: a second or two of work, however long the video."""
LEAST_SPEECH_SECONDS = 2.0
"""From less speech nothing is learned."""

NO_SOUND = "the video has no sound"
MOUTH_STILL = "the mouth in the video does not move as in speech"
TOO_LITTLE_SPEECH = "the video's sound holds too little speech"
AUDIO_MISMATCH = "the video's sound does not fit its mouth"
NOT_IMPROVED = "held-out seconds were not predicted better"
IMPROVED = "held-out seconds were predicted better"


@dataclass(frozen=True, slots=True)
class SpeakerAdaptation:
    """What was learned.

    ``reason``: the verdict, in words; ``sync``: how sound and mouth agree; ``speaking``:
    (T,), the pictures in which the person is seen and heard to speak, none where the sound does
    not fit; ``adaptation``: to this person, maybe none."""

    reason: str
    sync: SyncMatch
    speaking: NDArray[np.bool_]
    correction: ScoreCorrection

    @property
    def figures(self) -> dict[str, float | int | str | bool]:
        """What the report says of it."""
        known = bool(self.speaking.any())
        use = "used" if self.correction.has_effect else "own range only" if known else "not used"
        return {
            "adaptation": use,
            "adaptation_reason": self.reason,
            "adaptation_gain": round(float(self.correction.gain[APERTURE]), 3),
            "own_sound_correlation": round(self.sync.correlation, 3),
            "own_sound_offset_ms": round(1000 * self.sync.offset_seconds) if known else 0,
        }


def load_speaker_adaptation(
    template: Template, parameters: Floats, listen: ListenFunction, weights: str
) -> SpeakerAdaptation:
    """What the template's sound tells of the mouth with ``parameters`` (T, 4), NaN where no face.

    From the template's cache, where it was learned with the same ``weights`` (their hash) before.
    A sound that is missing or cannot be decoded is none. Raises EnvironmentFault.
    """
    path = template.cache / f"builtin-speech-v{VERSION}-{weights[:16]}.safetensors"
    try:
        return _read(path)
    except (OSError, KeyError, IndexError, SafetensorError):
        seen = np.where(template.track.usable[:, None], parameters, np.nan).astype(np.float32)
        own = adapt_from_video(template.video, seen, listen)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    _write(own, draft)
    draft.rename(path)
    return own


def adapt_from_video(video: Path, parameters: Floats, listen: ListenFunction) -> SpeakerAdaptation:
    """As ``own_speech``, without a cache."""
    present = np.isfinite(parameters[:, 0])
    if not has_speech_motion(parameters[present]):
        return no_adaptation(MOUTH_STILL, len(parameters))
    try:
        speech = listen(first_samples(read_waveform(video), AUDIO_LIMIT_SECONDS * SAMPLE_RATE))
    except BadInput:
        return no_adaptation(NO_SOUND, len(parameters))
    if speech.silent:
        return no_adaptation(NO_SOUND, len(parameters))
    with VideoReader(video) as reader:
        seconds = reader.timestamps[: len(parameters)].astype(np.float32)
    return adapt_from_speech(speech, seconds, parameters)


def adapt_from_speech(speech: Speech, seconds: Floats, parameters: Floats) -> SpeakerAdaptation:
    """What ``speech`` tells of the mouth with ``parameters`` (T, 4), NaN where there is no face,
    in pictures shown at ``seconds`` (T,)."""
    known = np.isfinite(parameters[:, 0]) & (seconds < len(speech) / STATE_RATE)
    if known.sum() < 2:
        return no_adaptation(TOO_LITTLE_SPEECH, len(parameters))
    shown, seen = seconds[known], parameters[known]
    sync = find_sync(speech.scores, shown, seen)
    speaking = known & (
        interpolate_at(speech.activity[:, None], seconds + sync.offset_seconds)[:, 0] > 0.5
    )
    fps = len(shown) / (float(np.ptp(shown)) + 1e-6)
    if speaking.sum() < LEAST_SPEECH_SECONDS * fps:
        return no_adaptation(TOO_LITTLE_SPEECH, len(parameters), sync)
    if not sync.is_match:
        return no_adaptation(AUDIO_MISMATCH, len(parameters), sync)
    heard = shown + sync.offset_seconds
    hidden = interpolate_at(speech.hidden.astype(np.float32), heard)
    adaptation = fit_correction(interpolate_at(speech.scores, heard), hidden, seen, fps)
    return SpeakerAdaptation(
        IMPROVED if adaptation.has_effect else NOT_IMPROVED, sync, speaking, adaptation
    )


def no_adaptation(reason: str, pictures: int, sync: SyncMatch | None = None) -> SpeakerAdaptation:
    """Nothing was learned."""
    silent = np.zeros(pictures, np.bool_)
    return SpeakerAdaptation(reason, sync or SyncMatch(0.0, 0.0, 0.0), silent, no_correction())


def first_samples(blocks: Iterable[Floats], samples: int) -> Iterator[Floats]:
    """The first so many samples of a sound."""
    for block in blocks:
        yield block[:samples]
        samples -= len(block)
        if samples <= 0:
            return


def _write(own: SpeakerAdaptation, path: Path) -> None:
    sync, adaptation = own.sync, own.correction
    tensors: dict[str, NDArray[Any]] = {
        "reason": np.frombuffer(own.reason.encode(), np.uint8),
        "sync": np.array([sync.offset_seconds, sync.correlation, sync.significance], np.float32),
        "speaking": own.speaking,
        "weights": adaptation.weights,
        "gain": adaptation.gain,
    }
    save_file(tensors, path)


def _read(path: Path) -> SpeakerAdaptation:
    tensors = load_file(path)
    sync = SyncMatch(*(float(value) for value in tensors["sync"]))
    adaptation = ScoreCorrection(tensors["weights"], tensors["gain"])
    reason = tensors["reason"].tobytes().decode()
    return SpeakerAdaptation(reason, sync, tensors["speaking"], adaptation)
