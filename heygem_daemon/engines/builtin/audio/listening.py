"""From a whole audio file to curves of how a mouth moves with it."""

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
from heygem_daemon.face.tracking.mouth import APERTURE, WIDTH
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
"""Where the scalar columns of a window's curves are split."""
SCALARS = len(PARAMETERS) + 3
"""Columns of a window's curves before the hidden states: scores, voice, closed, level."""
WIDTH_SECONDS = 0.05
"""Standard deviation of the Gaussian that smooths the width's score: the corners of a mouth move
more slowly than its lips part, and faster changes of this score are mostly error. The best value
is 0.02 s for held-out clips of the training speaker, 0.04 s for espeak-ng's sentences, and 0.06
to 0.07 s for unknown speakers, whose scores have more error (`training/RESULTS.md`)."""
PRIOR_SECONDS = 3.0
"""With this much speech, the audio's own mean and deviation count for half."""


@dataclass(frozen=True, slots=True)
class Speech:
    """How a mouth moves with an audio file. Value k of a curve belongs to the time k / 50 s."""

    scores: Floats
    """float32 (N, 4), aperture, width, jaw and pucker as z-scores. While somebody speaks, each has
    mean 0 and deviation 1, or nearly so if the audio is short."""
    activity: Floats
    """float32 (N,), from 0 (nobody speaks; the mouth is closed) to 1."""
    closed: Floats
    """float32 (N,), probability that the speaker's lips are closed; 1 in a pause."""
    hidden: NDArray[np.float16]
    """float16 (N, COMPONENTS), the hidden states of the heads. A correction for one person can be
    fitted to them linearly."""
    seconds: Fraction
    """Length of the audio."""
    silent: bool
    """Whether the audio contains nothing audible at all."""

    def __len__(self) -> int:
        return int(self.activity.shape[0])


@dataclass(frozen=True, slots=True)
class FrameSpeech:
    """A ``Speech`` at the times of N output frames."""

    scores: Floats
    """float32 (N, 4), z-scores."""
    activity: Floats
    """float32 (N,), 0-1."""
    closed: Floats
    """float32 (N,), 0-1."""


class AudioModel:
    """Speech encoder and heads, loaded on a device."""

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
        """Load the weights of the folder ``weights`` onto a torch device.

        Raises WeightsUnavailable if a file is missing, damaged, or has another shape, and
        EnvironmentFault if torchaudio cannot be imported.
        """
        torch_device = torch.device(device)
        heads = HeadEnsemble.load(weights, torch_device)
        return cls(
            build_guarded_encoder(WhisperEncoder.load(weights, torch_device), heads, torch_device),
            heads,
            torch_device,
        )

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """The networks on the device."""
        return self.encoder.network, self._heads

    def listen(self, waveform: Iterable[Floats]) -> Speech:
        """Return the speech of audio that is given as blocks of mono samples at 16 kHz, -1 to 1.

        The result does not depend on the sizes of the blocks. Memory: one window of audio and 132
        bytes per 20 ms, 24 MB per hour. Silence and empty audio are no errors.
        """
        counter = _SampleCounter(waveform)
        mels = LogMelSpectrogram(self._filters)
        windows = (
            (self._compute_curves(window.samples, mels), window.overlap_states)
            for window in split_windows(counter, self._plan)
        )
        curves, hidden = _collect_curves(crossfade_windows(windows, SCALARS + COMPONENTS))
        scores, voice, closed, level = np.split(curves, SPLITS, axis=1)
        activity = speech_activity(level[:, 0], voice[:, 0])
        scores = standardize_scores(smooth_width(scores), activity)
        silent = silent_states(level[:, 0])
        read = self._read_closures(np.maximum(closed[:, 0], silent), scores[:, APERTURE].copy())
        return Speech(
            scores=scores,
            activity=activity,
            closed=np.maximum(read, silent),
            hidden=hidden,
            seconds=Fraction(counter.samples, SAMPLE_RATE),
            silent=is_silent(level[:, 0]),
        )

    @torch.inference_mode()
    def _read_closures(self, closed: Floats, aperture: Floats) -> Floats:
        """Return the probability of closed lips (N,), from the heads' and the aperture's score."""
        device = self._filters.device
        heard = torch.from_numpy(closed).to(device), torch.from_numpy(aperture).to(device)
        return np.asarray(self._heads.closure(*heard).cpu().numpy(), np.float32)

    @torch.inference_mode()
    def _compute_curves(self, samples: Floats, mels: LogMelSpectrogram) -> Floats:
        """Return scores, voice, closed, level and hidden states of a window, float32 (n, C)."""
        waveform = torch.from_numpy(samples).to(self._filters.device)
        output = self._heads(self.encoder.encode(mels(waveform))[None])
        level = torch.from_numpy(levels(samples)).to(waveform)
        scalars = torch.stack([output.voice[0], output.closed[0], level], dim=1)
        columns = torch.cat([output.scores[0], scalars, output.hidden[0]], dim=1)
        return np.asarray(columns.cpu().numpy(), np.float32)


def smooth_width(score: Floats) -> Floats:
    """Return ``score`` (N, 4) with the width smoothed, as slow as the corners of a mouth are."""
    result = score.copy()
    result[:, WIDTH] = smoothed(score[:, WIDTH], WIDTH_SECONDS)
    return result


def standardize_scores(score: Floats, active: Floats) -> Floats:
    """Return ``score`` (N, 4) with mean 0 and deviation 1 over the active states.

    The mean of several heads varies less than a mouth does, and the recording of a voice shifts it.
    If there is little speech, the heads' own scale is kept.
    """
    seconds = float(active.sum()) / STATE_RATE
    trust = seconds / (seconds + PRIOR_SECONDS)
    # In float64, as an hour has 180,000 states. The small number avoids a division by 0 in silence.
    weights = active.astype(np.float64) + 1e-9
    weights /= weights.sum() or 1.0
    mean = weights @ score
    deviation = np.sqrt(weights @ np.square(score - mean)) + 1e-6
    centred = score - trust * mean
    result: Floats = (centred * deviation**-trust).astype(np.float32)
    return result


def resample_to_frames(speech: Speech, frames: int, fps: Fraction) -> FrameSpeech:
    """Return the speech at the times i / fps of ``frames`` output frames.

    Linear between states. Scores are smoothed over a frame first if frames are further apart than
    states. Beyond the audio's end: the last score, no activity, closed lips.
    """
    if not len(speech):
        zeros = np.zeros((frames, len(PARAMETERS)), np.float32)
        return FrameSpeech(zeros, zeros[:, 0], zeros[:, 0] + np.float32(1))
    # Exact in integers: i / fps does not drift, however long the audio is.
    ticks = np.arange(frames, dtype=np.int64) * STATE_RATE * fps.denominator
    places = ticks // fps.numerator + (ticks % fps.numerator) / fps.numerator
    deviation = 0.25 / float(fps)
    columns = [smoothed(column, deviation) for column in speech.scores.T]
    states = np.arange(len(speech))
    scores = np.stack([np.interp(places, states, column) for column in columns], axis=1)
    beyond = places >= len(speech)
    activity = np.where(beyond, 0.0, np.interp(places, states, speech.activity))
    closed = np.where(beyond, 1.0, np.interp(places, states, speech.closed))
    return FrameSpeech(*(curve.astype(np.float32) for curve in (scores, activity, closed)))


def _collect_curves(parts: Iterable[Floats]) -> tuple[Floats, NDArray[np.float16]]:
    """Return the scalar columns (N, SCALARS) and the hidden states (N, COMPONENTS), float16.

    Two growing buffers: for hours of audio, a list of small arrays would take three times the
    memory.
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
