"""A whole sound, once, to a curve of how a mouth would move with it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.audio.guarded_precision import (
    GuardedEncoder,
    build_guarded_encoder,
)
from heygem_daemon.engines.builtin.audio.heads import COMPONENTS, PARAMETERS, HeadEnsemble
from heygem_daemon.face.tracking.mouth import WIDTH
from heygem_daemon.speech.activity import (
    is_silent,
    levels,
    silent_states,
    smoothed,
    speech_activity,
)
from heygem_daemon.speech.encoder import WhisperEncoder
from heygem_daemon.speech.features import (
    SAMPLE_RATE,
    STATE_RATE,
    LogMelSpectrogram,
    WindowPlan,
    crossfade_windows,
    mel_filters,
    split_windows,
)

SPLITS = (len(PARAMETERS), len(PARAMETERS) + 1, len(PARAMETERS) + 2)
SCALARS = len(PARAMETERS) + 3
"""Columns of a window's curves before the hidden states: scores, voice, closed, level."""
WIDTH_SECONDS = 0.05
"""Standard deviation of the Gaussian under which the width is heard: the corners of a mouth move
more slowly than its lips part, and what is quicker in this score is mostly error. Best is 0.02 s
for held-out clips of the training speaker, 0.04 s for espeak-ng's sentences, 0.06 to 0.07 s for
strangers, who are heard with more error (`training/RESULTS.md`)."""
PRIOR_SECONDS = 3.0
"""A sound with this much speech has half a say in its own mean and deviation."""


@dataclass(frozen=True, slots=True)
class Speech:
    """How a mouth moves with a sound. Value k of a curve belongs to the time k / 50 s.

    ``score``: float32 (N, 4): aperture, width, jaw and pucker as z-scores: while somebody speaks,
    each has mean 0 and deviation 1 (a short sound: nearly). ``activity``: float32 (N,): 0 (nobody
    speaks; the mouth is closed) … 1. ``closed``: float32 (N,): probability that the lips of one
    who speaks are shut, 1 in a pause. ``hidden``: float16 (N, COMPONENTS): what the heads make of
    each moment before they judge it; a person's own way to move the mouth can be fitted to it
    linearly. ``seconds``: length of the sound. ``silent``: nothing can be heard at all.
    """

    scores: Floats
    activity: Floats
    closed: Floats
    hidden: NDArray[np.float16]
    seconds: Fraction
    silent: bool

    def __len__(self) -> int:
        return int(self.activity.shape[0])


@dataclass(frozen=True, slots=True)
class FrameSpeech:
    """A ``Speech`` at the times of N output frames: ``score`` float32 (N, 4), ``activity`` and
    ``closed`` float32 (N,), as there."""

    scores: Floats
    activity: Floats
    closed: Floats


class AudioModel:
    """Encoder and heads, resident on a device."""

    def __init__(
        self,
        encoder: GuardedEncoder,
        heads: HeadEnsemble,
        device: torch.device,
        plan: WindowPlan | None = None,
    ) -> None:
        self.encoder = encoder
        self._heads = heads
        self._filters = mel_filters().to(device)
        self._plan = plan or WindowPlan()

    @classmethod
    def load(cls, weights: Path, device: str = "cpu") -> "AudioModel":
        """The listener with the weights of the folder ``weights`` on a torch device.

        Raises WeightsUnavailable if a file is missing, damaged, or of another shape, and
        EnvironmentFault if torchaudio cannot be imported.
        """
        where = torch.device(device)
        heads = HeadEnsemble.load(weights, where)
        return cls(
            build_guarded_encoder(WhisperEncoder.load(weights, where), heads, where), heads, where
        )

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """What computes on the device."""
        return self.encoder.network, self._heads

    def listen(self, waveform: Iterable[Floats]) -> Speech:
        """The speech of a sound given as blocks of mono samples at 16 kHz, -1 … 1.

        The same whatever the sizes of the blocks. Holds one window of sound, and 132 bytes for
        every 20 ms: 24 MB an hour. Raises nothing for silence or no samples at all.
        """
        count = _SampleCounter(waveform)
        mels = LogMelSpectrogram(self._filters)
        pieces = (
            (self._compute_curves(window.samples, mels), window.overlap_states)
            for window in split_windows(count, self._plan)
        )
        curves, hidden = _collect_curves(crossfade_windows(pieces, SCALARS + COMPONENTS))
        score, voice, closed, level = np.split(curves, SPLITS, axis=1)
        active = speech_activity(level[:, 0], voice[:, 0])
        return Speech(
            scores=standardize_scores(smooth_width(score), active),
            activity=active,
            closed=np.maximum(closed[:, 0], silent_states(level[:, 0])),
            hidden=hidden,
            seconds=Fraction(count.samples, SAMPLE_RATE),
            silent=is_silent(level[:, 0]),
        )

    @torch.inference_mode()
    def _compute_curves(self, samples: Floats, mels: LogMelSpectrogram) -> Floats:
        """Scores, voice, closed, level and hidden states of a window, float32 (n, columns)."""
        sound = torch.from_numpy(samples).to(self._filters.device)
        opinion = self._heads(self.encoder.encode(mels(sound))[None])
        level = torch.from_numpy(levels(samples)).to(sound)
        scalars = torch.stack([opinion.voice[0], opinion.closed[0], level], dim=1)
        columns = torch.cat([opinion.score[0], scalars, opinion.hidden[0]], dim=1)
        return np.asarray(columns.cpu().numpy(), np.float32)


def _collect_curves(parts: Iterable[Floats]) -> tuple[Floats, NDArray[np.float16]]:
    """The first columns (N, SCALARS), and the hidden states (N, COMPONENTS) in half precision.

    Two buffers that grow: hours of sound as a list of small arrays would cost thrice the memory.
    """
    curves, hidden = bytearray(), bytearray()
    for part in parts:
        curves += part[:, :SCALARS].tobytes()
        hidden += part[:, SCALARS:].astype(np.float16).tobytes()
    return (
        np.frombuffer(curves, np.float32).reshape(-1, SCALARS),
        np.frombuffer(hidden, np.float16).reshape(-1, COMPONENTS),
    )


class _SampleCounter:
    """Passes blocks on and counts their samples."""

    def __init__(self, blocks: Iterable[Floats]) -> None:
        self._blocks = blocks
        self.samples = 0

    def __iter__(self) -> Iterator[Floats]:
        for block in self._blocks:
            self.samples += len(block)
            yield block


def smooth_width(score: Floats) -> Floats:
    """``score`` (N, 4) with the width as slow as corners of a mouth are."""
    result = score.copy()
    result[:, WIDTH] = smoothed(score[:, WIDTH], WIDTH_SECONDS)
    return result


def standardize_scores(score: Floats, active: Floats) -> Floats:
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


def resample_to_frames(speech: Speech, frames: int, fps: Fraction) -> FrameSpeech:
    """The speech at the times i / fps of ``frames`` output frames.

    Linear between states; scores smoothed over a frame first where frames are further apart than
    states; beyond the sound's end: the last score, no activity, closed lips.
    """
    if not len(speech):
        calm = np.zeros((frames, len(PARAMETERS)), np.float32)
        return FrameSpeech(calm, calm[:, 0], calm[:, 0] + np.float32(1))
    # Exact in integers: i / fps never drifts, however long the sound.
    ticks = np.arange(frames, dtype=np.int64) * STATE_RATE * fps.denominator
    places = ticks // fps.numerator + (ticks % fps.numerator) / fps.numerator
    deviation = 0.25 / float(fps)
    columns = [smoothed(column, deviation) for column in speech.scores.T]
    states = np.arange(len(speech))
    score = np.stack([np.interp(places, states, column) for column in columns], axis=1)
    beyond = places >= len(speech)
    active = np.where(beyond, 0.0, np.interp(places, states, speech.activity))
    closed = np.where(beyond, 1.0, np.interp(places, states, speech.closed))
    return FrameSpeech(*(curve.astype(np.float32) for curve in (score, active, closed)))
