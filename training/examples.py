"""What the heads learn from: encoder states, and what is wanted of each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.head import PARAMETERS
from heygem_daemon.speech.activity import activity, levels
from heygem_daemon.speech.encoder import Encoder
from heygem_daemon.speech.features import STATE_RATE, STATE_SAMPLES, LogMel, mel_filters
from training.augment import SPEEDS, degraded, faster
from training.corpus import Clip
from training.nonspeech import nonspeech
from training.synthesis import Spoken
from training.visemes import curves

Floats = NDArray[np.float32]
WANTED = len(PARAMETERS) + 1
VOICE = len(PARAMETERS)
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Example:
    """A piece of sound: ``states`` float16 (T, 5, 384); ``target`` float32 (T, 5): the four
    z-scores, and 1 or 0 for voice; ``weight`` float32 (T, 5): how much each counts."""

    states: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor


class Listening:
    """Encodes sounds for training as ``Listener`` does for use."""

    def __init__(self, weights: Path) -> None:
        self._encoder = Encoder.load(weights, CPU)
        self._filters = mel_filters()

    @torch.inference_mode()
    def states(self, sound: Floats) -> torch.Tensor:
        """Float16 (T, 5, 384) of one short sound."""
        whole = np.pad(sound, (0, -len(sound) % STATE_SAMPLES))
        mels = LogMel(self._filters)(torch.from_numpy(whole))
        return self._encoder.hear(mels).half()

    def example(self, sound: Floats, target: Floats, weight: Floats) -> Example:
        states = self.states(sound)
        return Example(states, torch.from_numpy(target), torch.from_numpy(weight))


def from_clips(
    clips: Iterable[Clip], listening: Listening, rng: np.random.Generator | None
) -> Iterator[Example]:
    """Real speakers; with ``rng`` at other speeds and degraded, without as they are."""
    for clip in clips:
        twentieths = int(rng.choice(SPEEDS)) if rng else 20
        sound = faster(clip.sound, twentieths)
        states = -(-len(sound) // STATE_SAMPLES)
        # When the original moment of each state is.
        time = np.arange(states) / STATE_RATE * twentieths / 20
        shown = clip.seconds[clip.present]
        scores = standard(clip.mouth[clip.present])
        target = np.stack([np.interp(time, shown, column) for column in scores.T], axis=1)
        seen = np.interp(time, clip.seconds, clip.present.astype(np.float32), right=0.0) == 1.0
        weight = np.repeat(seen[:, None], len(PARAMETERS), axis=1)
        yield listening.example(
            degraded(sound, rng) if rng else sound, *with_voice(target, weight, sound)
        )


def from_synthesis(
    spoken: Iterable[Spoken], listening: Listening, rng: np.random.Generator
) -> Iterator[Example]:
    """Synthesized sentences, degraded.

    They teach width and jaw, of which short read sentences show little. Aperture and pucker are
    left to the real speakers: with them the heads do worse on real free speech.
    """
    for each in spoken:
        states = -(-len(each.sound) // STATE_SAMPLES)
        shape = standard(curves(each.phones, states))
        target = np.concatenate([shape, np.zeros((states, 1))], axis=1)
        weight = np.tile([0.15, 1.0, 0.7, 0.0], (states, 1))
        yield listening.example(degraded(each.sound, rng), *with_voice(target, weight, each.sound))


def from_nonspeech(count: int, listening: Listening, rng: np.random.Generator) -> Iterator[Example]:
    """Noise and music: no voice, and no opinion on the mouth."""
    for _ in range(count):
        sound = degraded(nonspeech(rng.uniform(2, 8), rng), rng)
        states = -(-len(sound) // STATE_SAMPLES)
        target = np.zeros((states, WANTED), np.float32)
        weight = np.zeros((states, WANTED), np.float32)
        weight[:, VOICE] = 1.0
        yield listening.example(sound, target, weight)


def standard(values: Floats) -> Floats:
    """Z-scores of each column of (T, C)."""
    result: Floats = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-6)
    return result


def with_voice(
    target: NDArray[np.floating], weight: NDArray[np.generic], sound: Floats
) -> tuple[Floats, Floats]:
    """Target and weight (T, 5) from those of the mouth (T, 4): voice counts where it is heard."""
    level = levels(np.pad(sound, (0, -len(sound) % STATE_SAMPLES)))
    heard = activity(level, np.ones(len(level), np.float32)) > 0.9
    voice = np.ones((len(level), 1))
    full = np.concatenate([target, voice], axis=1).astype(np.float32)
    counts = np.concatenate([weight, heard[:, None]], axis=1).astype(np.float32)
    return full, counts
