"""Training examples for the heads: encoder states, and the target outputs of each."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.audio.heads import CLOSED_COLUMN, OUTPUTS, VOICE_COLUMN
from heygem_daemon.speech.activity import levels, speech_activity
from heygem_daemon.speech.encoder import WhisperEncoder
from heygem_daemon.speech.features import STATE_RATE, STATE_SAMPLES, LogMelSpectrogram, mel_filters
from training.augment import SPEEDS, change_speed, degrade
from training.corpus import Clip
from training.nonspeech import nonspeech
from training.phones import Spoken, closures
from training.visemes import curves

Floats = NDArray[np.float32]
LONGEST = 30 * STATE_RATE
"""States of the longest window in training: as long as the encoder's own training windows."""
SYNTHETIC_WEIGHT = (0.15, 1.0, 0.7, 0.0, 1.0, 1.0)
"""Weight of each output in a synthesized sentence."""
SHUT = 0.15
"""Share of a mouth's range of aperture below which it is closed."""
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio of T states with its targets."""

    sound: Floats
    """float32 (T x STATE_SAMPLES,), mono at 16 kHz."""
    target: Floats
    """float32 (T, OUTPUTS): the four z-scores, then 1 or 0 for voice and for closed lips."""
    weight: Floats
    """float32 (T, OUTPUTS), the weight of each target."""


@dataclass(frozen=True, slots=True)
class Example:
    """An encoded piece of T states."""

    states: torch.Tensor
    """float16 (T, 2, 384)."""
    target: torch.Tensor
    """(T, OUTPUTS), as in ``Piece``."""
    weight: torch.Tensor
    """(T, OUTPUTS), as in ``Piece``."""


class ExampleEncoder:
    """Encodes audio for training as ``AudioModel`` does in use."""

    def __init__(self, weights: Path) -> None:
        self._encoder = WhisperEncoder.load(weights, CPU)
        self._filters = mel_filters()

    def examples(self, pieces: Sequence[Piece], rng: np.random.Generator) -> list[Example]:
        """Encode the pieces, each among randomly chosen others; the result has their order.

        The encoder's states of a moment depend on everything in the window, and on the moment's
        place in it. Pieces are therefore joined to windows of all lengths up to ``LONGEST``. Heads
        that were trained on single clips are much worse in long audio.
        """
        encoded: list[Example | None] = [None] * len(pieces)
        for group in _groups([len(piece.target) for piece in pieces], rng):
            states = self._states(np.concatenate([pieces[number].sound for number in group]))
            sizes = [len(pieces[number].target) for number in group]
            for number, part in zip(group, torch.split(states, sizes), strict=True):
                target, weight = pieces[number].target, pieces[number].weight
                encoded[number] = Example(
                    part.clone(), torch.from_numpy(target), torch.from_numpy(weight)
                )
        return [example for example in encoded if example is not None]

    @torch.inference_mode()
    def _states(self, sound: Floats) -> torch.Tensor:
        """Return the states, float16 (T, 2, 384), of one window of audio."""
        mels = LogMelSpectrogram(self._filters)(torch.from_numpy(sound))
        return self._encoder.encode(mels).half()


def _groups(sizes: Sequence[int], rng: np.random.Generator) -> Iterator[list[int]]:
    """Yield the numbers of the pieces that share a window; ``sizes``: their states."""
    group: list[int] = []
    limit = rng.uniform(0, LONGEST)
    for number in rng.permutation(len(sizes)).tolist():
        if group and sum(sizes[member] for member in group) + sizes[number] > limit:
            yield group
            group, limit = [], rng.uniform(0, LONGEST)
        group.append(number)
    yield group


def from_clips(clips: Iterable[Clip], rng: np.random.Generator | None) -> Iterator[Piece]:
    """Yield pieces of real speakers; with ``rng`` at other speeds and degraded, otherwise
    unchanged.
    """
    for clip in clips:
        twentieths = int(rng.choice(SPEEDS)) if rng else 20
        sound = pad_to_states(change_speed(clip.sound, twentieths))
        voiced = detect_speech(sound)
        # The time of each state in the original clip.
        time = np.arange(len(voiced)) / STATE_RATE * twentieths / 20
        picture_times, mouth = clip.seconds[clip.present], clip.mouth[clip.present]
        target = np.zeros((len(voiced), OUTPUTS), np.float32)
        target[:, :VOICE_COLUMN] = interpolate(time, picture_times, z_scores(mouth))
        target[:, VOICE_COLUMN] = 1
        target[:, CLOSED_COLUMN] = interpolate(time, picture_times, closed_lips(mouth[:, :1]))[:, 0]
        tracked = np.interp(time, clip.seconds, clip.present.astype(np.float32), right=0.0) == 1.0
        weight = np.repeat(tracked[:, None], OUTPUTS, axis=1).astype(np.float32)
        weight[:, VOICE_COLUMN] = voiced
        weight[:, CLOSED_COLUMN] *= voiced
        yield Piece(pad_to_states(degrade(sound, rng)) if rng else sound, target, weight)


def from_synthesis(spoken: Iterable[Spoken], rng: np.random.Generator) -> Iterator[Piece]:
    """Yield synthesized sentences, degraded.

    They teach width, jaw and closures, of which short read sentences show little. Aperture and
    pucker are learned from the real speakers only: with synthesized ones the heads are worse on
    real free speech.
    """
    for each in spoken:
        sound = pad_to_states(each.sound)
        voiced = detect_speech(sound)
        target = np.zeros((len(voiced), OUTPUTS), np.float32)
        weight = np.tile(np.array(SYNTHETIC_WEIGHT, np.float32), (len(voiced), 1))
        target[:, :3] = z_scores(curves(each.phones, len(voiced)))
        target[:, VOICE_COLUMN], weight[:, VOICE_COLUMN] = 1, voiced
        target[:, CLOSED_COLUMN], weight[:, CLOSED_COLUMN] = closures(each.phones, len(voiced))
        yield Piece(pad_to_states(degrade(sound, rng)), target, weight)


def from_nonspeech(count: int, rng: np.random.Generator) -> Iterator[Piece]:
    """Yield noise and music: the target is no voice, and the mouth has no weight."""
    for _ in range(count):
        sound = degrade(nonspeech(rng.uniform(2, 8), rng), rng)
        states = -(-len(sound) // STATE_SAMPLES)
        target = np.zeros((states, OUTPUTS), np.float32)
        weight = np.zeros((states, OUTPUTS), np.float32)
        weight[:, VOICE_COLUMN] = 1.0
        yield Piece(pad_to_states(sound), target, weight)


def pad_to_states(sound: Floats) -> Floats:
    """Return the audio, padded with silence to a whole number of states."""
    return np.pad(sound, (0, -len(sound) % STATE_SAMPLES))


def z_scores(values: Floats) -> Floats:
    """Return the z-scores of each column of (T, C)."""
    result: Floats = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6)
    return result


def closed_lips(aperture: Floats) -> Floats:
    """Return 1 where the aperture (T, 1) is below ``SHUT`` of its range, else 0."""
    low, high = np.quantile(aperture, [0.02, 0.98])
    return np.asarray(aperture < low + SHUT * (high - low), np.float32)


def interpolate(time: NDArray[np.floating], picture_times: Floats, values: Floats) -> Floats:
    """Return ``values`` (T, C), given at ``picture_times``, at other times, linear between them."""
    columns = [np.interp(time, picture_times, column) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)


def detect_speech(sound: Floats) -> NDArray[np.bool_]:
    """Return where a person is speaking, bool (T,), in audio that contains speech."""
    level = levels(sound)
    voiced: NDArray[np.bool_] = speech_activity(level, np.ones(len(level), np.float32)) > 0.9
    return voiced
