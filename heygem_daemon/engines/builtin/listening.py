"""A whole sound, once, to a curve of how a mouth would move with it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.head import PARAMETERS, Heads
from heygem_daemon.speech.activity import activity, is_silent, levels, smoothed
from heygem_daemon.speech.encoder import Encoder
from heygem_daemon.speech.features import SAMPLE_RATE, STATE_RATE, LogMel, mel_filters
from heygem_daemon.speech.windows import WindowPlan, joined, windows

Floats = NDArray[np.float32]

PRIOR_SECONDS = 3.0
"""A sound with this much speech has half a say in its own mean and deviation."""


@dataclass(frozen=True, slots=True)
class Speech:
    """How a mouth moves with a sound. Value k of a curve belongs to the time k / 50 s.

    ``score``: float32 (N, 4): aperture, width, jaw and pucker as z-scores: while somebody speaks,
    each has mean 0 and deviation 1 (a short sound: nearly). ``activity``: float32 (N,): 0 (nobody
    speaks; the mouth is closed) … 1. ``seconds``: length of the sound. ``silent``: nothing can be
    heard at all.
    """

    score: Floats
    activity: Floats
    seconds: Fraction
    silent: bool

    def __len__(self) -> int:
        return int(self.activity.shape[0])


class Listener:
    """Encoder and heads, resident on a device."""

    def __init__(
        self, encoder: Encoder, heads: Heads, device: torch.device, plan: WindowPlan | None = None
    ) -> None:
        self._encoder = encoder
        self._heads = heads
        self._filters = mel_filters().to(device)
        self._plan = plan or WindowPlan()

    @classmethod
    def load(cls, weights: Path, device: str = "cpu") -> "Listener":
        """The listener with the weights of the folder ``weights`` on a torch device.

        Raises WeightsUnavailable if a file is missing, damaged, or of another shape, and
        EnvironmentFault if torchaudio cannot be imported.
        """
        where = torch.device(device)
        return cls(Encoder.load(weights, where), Heads.load(weights, where), where)

    def listen(self, waveform: Iterable[Floats]) -> Speech:
        """The speech of a sound given as blocks of mono samples at 16 kHz, -1 … 1.

        The same whatever the sizes of the blocks. Holds one window of sound, and 24 bytes for
        every 20 ms. Raises nothing for silence or no samples at all.
        """
        count = _Counter(waveform)
        mels = LogMel(self._filters)
        pieces = (
            (self._curves(window.samples, mels), window.shared)
            for window in windows(count, self._plan)
        )
        curves = joined(pieces, len(PARAMETERS) + 2)
        score, voice, level = np.split(curves, [len(PARAMETERS), len(PARAMETERS) + 1], axis=1)
        active = activity(level[:, 0], voice[:, 0])
        return Speech(
            score=standardized(score, active),
            activity=active,
            seconds=Fraction(count.samples, SAMPLE_RATE),
            silent=is_silent(level[:, 0]),
        )

    @torch.inference_mode()
    def _curves(self, samples: Floats, mels: LogMel) -> Floats:
        """Scores, voice and level of a window, float32 (n, 6)."""
        sound = torch.from_numpy(samples).to(self._filters.device)
        opinion = self._heads(self._encoder.hear(mels(sound))[None])
        heard = torch.cat([opinion.score[0], opinion.voice[0, :, None]], dim=1).cpu().numpy()
        return np.concatenate([heard, levels(samples)[:, None]], axis=1)


class _Counter:
    """Passes blocks on and counts their samples."""

    def __init__(self, blocks: Iterable[Floats]) -> None:
        self._blocks = blocks
        self.samples = 0

    def __iter__(self) -> Iterator[Floats]:
        for block in self._blocks:
            self.samples += len(block)
            yield block


def standardized(score: Floats, active: Floats) -> Floats:
    """``score`` (N, 4) with mean 0 and deviation 1 over the states that are active.

    The mean of several heads varies less than a mouth does; and how a voice is recorded shifts
    it. With little speech, the heads' own scale is kept.
    """
    seconds = float(active.sum()) / STATE_RATE
    trust = seconds / (seconds + PRIOR_SECONDS)
    # In float64: an hour has 180,000 states. The small number keeps silence from dividing by 0.
    weights = active.astype(np.float64) + 1e-9
    weights /= weights.sum() or 1.0
    mean = weights @ score
    deviation = np.sqrt(weights @ np.square(score - mean)) + 1e-6
    centred = score - trust * mean
    result: Floats = (centred * deviation**-trust).astype(np.float32)
    return result


def resampled(speech: Speech, frames: int, fps: Fraction) -> tuple[Floats, Floats]:
    """Score (frames, 4) and activity (frames,) at the times i / fps of output frames.

    Linear between states; smoothed over a frame first where frames are further apart than
    states; beyond the sound's end: the last score, and no activity.
    """
    if not len(speech):
        return np.zeros((frames, len(PARAMETERS)), np.float32), np.zeros(frames, np.float32)
    # Exact in integers: i / fps never drifts, however long the sound.
    ticks = np.arange(frames, dtype=np.int64) * STATE_RATE * fps.denominator
    places = ticks // fps.numerator + (ticks % fps.numerator) / fps.numerator
    deviation = 0.25 / float(fps)
    columns = [smoothed(column, deviation) for column in speech.score.T]
    states = np.arange(len(speech))
    score = np.stack([np.interp(places, states, column) for column in columns], axis=1)
    active = np.interp(places, states, speech.activity)
    active[places >= len(speech)] = 0.0
    return score.astype(np.float32), active.astype(np.float32)
