"""What the heads learn from: encoder states, and what is wanted of each."""

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
from training.augment import SPEEDS, degraded, faster
from training.corpus import Clip
from training.nonspeech import nonspeech
from training.phones import Spoken, closures
from training.visemes import curves

Floats = NDArray[np.float32]
LONGEST = 30 * STATE_RATE
"""States of the longest window in training: as long as the encoder itself ever met."""
SYNTHETIC_WEIGHT = (0.15, 1.0, 0.7, 0.0, 1.0, 1.0)
"""How much each output counts in a synthesized sentence."""
SHUT = 0.15
"""Part of the range of a mouth's aperture below which it is closed."""
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of sound of T states: ``sound`` float32 (T x STATE_SAMPLES,); ``target`` float32
    (T, OUTPUTS): the four z-scores, 1 or 0 for voice, and for closed lips; ``weight`` float32
    (T, OUTPUTS): how much each counts."""

    sound: Floats
    target: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class Example:
    """A piece as it was heard: ``states`` float16 (T, 2, 384), ``target`` and ``weight``
    (T, OUTPUTS)."""

    states: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor


class Listening:
    """Encodes sounds for training as ``Listener`` does for use."""

    def __init__(self, weights: Path) -> None:
        self._encoder = WhisperEncoder.load(weights, CPU)
        self._filters = mel_filters()

    def examples(self, pieces: Sequence[Piece], rng: np.random.Generator) -> list[Example]:
        """The pieces in their order, each heard in random company.

        What the encoder makes of a moment depends on all that is in the window, and on where in
        it the moment is. So pieces are strung together to windows of all lengths up to
        ``LONGEST``: heads that have only met single clips do much worse in a long sound.
        """
        heard: list[Example | None] = [None] * len(pieces)
        for group in _groups([len(piece.target) for piece in pieces], rng):
            states = self._states(np.concatenate([pieces[number].sound for number in group]))
            sizes = [len(pieces[number].target) for number in group]
            for number, part in zip(group, torch.split(states, sizes), strict=True):
                target, weight = pieces[number].target, pieces[number].weight
                heard[number] = Example(
                    part.clone(), torch.from_numpy(target), torch.from_numpy(weight)
                )
        return [example for example in heard if example is not None]

    @torch.inference_mode()
    def _states(self, sound: Floats) -> torch.Tensor:
        """Float16 (T, 2, 384) of one window of sound."""
        mels = LogMelSpectrogram(self._filters)(torch.from_numpy(sound))
        return self._encoder.encode(mels).half()


def _groups(sizes: Sequence[int], rng: np.random.Generator) -> Iterator[list[int]]:
    """Numbers of pieces that go into one window, for pieces of these sizes in states."""
    group: list[int] = []
    limit = rng.uniform(0, LONGEST)
    for number in rng.permutation(len(sizes)).tolist():
        if group and sum(sizes[member] for member in group) + sizes[number] > limit:
            yield group
            group, limit = [], rng.uniform(0, LONGEST)
        group.append(number)
    yield group


def from_clips(clips: Iterable[Clip], rng: np.random.Generator | None) -> Iterator[Piece]:
    """Real speakers; with ``rng`` at other speeds and degraded, without as they are."""
    for clip in clips:
        twentieths = int(rng.choice(SPEEDS)) if rng else 20
        sound = whole(faster(clip.sound, twentieths))
        heard = speaking(sound)
        # When the original moment of each state is.
        time = np.arange(len(heard)) / STATE_RATE * twentieths / 20
        shown, mouth = clip.seconds[clip.present], clip.mouth[clip.present]
        target = np.zeros((len(heard), OUTPUTS), np.float32)
        target[:, :VOICE_COLUMN] = moved(time, shown, standard(mouth))
        target[:, VOICE_COLUMN] = 1
        target[:, CLOSED_COLUMN] = moved(time, shown, shut(mouth[:, :1]))[:, 0]
        seen = np.interp(time, clip.seconds, clip.present.astype(np.float32), right=0.0) == 1.0
        weight = np.repeat(seen[:, None], OUTPUTS, axis=1).astype(np.float32)
        weight[:, VOICE_COLUMN] = heard
        weight[:, CLOSED_COLUMN] *= heard
        yield Piece(whole(degraded(sound, rng)) if rng else sound, target, weight)


def from_synthesis(spoken: Iterable[Spoken], rng: np.random.Generator) -> Iterator[Piece]:
    """Synthesized sentences, degraded.

    They teach width, jaw and closures, of which short read sentences show little. Aperture and
    pucker are left to the real speakers: with them the heads do worse on real free speech.
    """
    for each in spoken:
        sound = whole(each.sound)
        heard = speaking(sound)
        target = np.zeros((len(heard), OUTPUTS), np.float32)
        weight = np.tile(np.array(SYNTHETIC_WEIGHT, np.float32), (len(heard), 1))
        target[:, :3] = standard(curves(each.phones, len(heard)))
        target[:, VOICE_COLUMN], weight[:, VOICE_COLUMN] = 1, heard
        target[:, CLOSED_COLUMN], weight[:, CLOSED_COLUMN] = closures(each.phones, len(heard))
        yield Piece(whole(degraded(sound, rng)), target, weight)


def from_nonspeech(count: int, rng: np.random.Generator) -> Iterator[Piece]:
    """Noise and music: no voice, and no opinion on the mouth."""
    for _ in range(count):
        sound = degraded(nonspeech(rng.uniform(2, 8), rng), rng)
        states = -(-len(sound) // STATE_SAMPLES)
        target = np.zeros((states, OUTPUTS), np.float32)
        weight = np.zeros((states, OUTPUTS), np.float32)
        weight[:, VOICE_COLUMN] = 1.0
        yield Piece(whole(sound), target, weight)


def whole(sound: Floats) -> Floats:
    """The sound with silence up to a whole number of states."""
    return np.pad(sound, (0, -len(sound) % STATE_SAMPLES))


def standard(values: Floats) -> Floats:
    """Z-scores of each column of (T, C)."""
    result: Floats = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6)
    return result


def shut(aperture: Floats) -> Floats:
    """1 where the aperture (T, 1) is under ``SHUT`` of its range, else 0."""
    low, high = np.quantile(aperture, [0.02, 0.98])
    return np.asarray(aperture < low + SHUT * (high - low), np.float32)


def moved(time: NDArray[np.floating], shown: Floats, values: Floats) -> Floats:
    """Values (T, C) of the times ``shown`` at other times, linear between them."""
    columns = [np.interp(time, shown, column) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)


def speaking(sound: Floats) -> NDArray[np.bool_]:
    """Where somebody is heard, in a sound in which a person speaks; bool (T,)."""
    level = levels(sound)
    heard: NDArray[np.bool_] = speech_activity(level, np.ones(len(level), np.float32)) > 0.9
    return heard
