"""The speech encoder in half precision, where that is as good as float32, and watched at work.

What the heads make of the states decides: a state may differ by a per cent and no mouth would move
otherwise. The face networks stay in float32: a landmark is a number of up to 192 pixels, which
float16 holds to 1/8 of a pixel and bfloat16 to a whole one; measured on the demo's presenter,
landmarks of the mesh in either type were off by 0.4 pixels on the mean and by 5 at most, and a
tenth of a pixel is what a lip may tremble.
"""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from heygem_daemon.device.precision import dtype_name, half_precision_dtypes
from heygem_daemon.engines.builtin.audio.heads import HeadEnsemble
from heygem_daemon.speech.encoder import WhisperEncoder
from heygem_daemon.speech.features import SAMPLE_RATE, LogMelSpectrogram, mel_filters

SCORE_LIMIT = 0.01
"""Largest difference of a score from float32's, in standard deviations of a speaking mouth;
measured on speech, float16 made one of 0.002 and bfloat16 one of 0.02."""
DRIFT_LIMIT = 0.05
"""Largest difference of a window's states from float32's, relative, root mean square; float16
made 0.002 and bfloat16 0.02."""
CHECK_EVERY = 16
"""Windows from one comparison with float32 to the next one."""
CHECK_SECONDS = 8

FACE_PRECISION_REASON = "faces in float32, as landmarks need"


class GuardedEncoder:
    """The encoder, in ``coarse`` if there is one. What it says is compared with ``exact`` now and
    then; at the first value that is no number, or too far off, it goes on in float32 for good."""

    def __init__(
        self,
        float32_encoder: WhisperEncoder,
        half_encoder: WhisperEncoder | None,
        reason: str,
        on_fallback: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._float32_encoder = float32_encoder
        self._half_encoder = half_encoder
        self._encoded_windows = 0
        self.reason = reason
        """Why this type of numbers: a clause."""
        self.on_fallback = on_fallback
        """Gets a sentence when it goes over to float32."""

    @property
    def network(self) -> WhisperEncoder:
        """What computes."""
        return self._float32_encoder if self._half_encoder is None else self._half_encoder

    @property
    def precision(self) -> torch.dtype:
        return next(self.network.parameters()).dtype

    def encode(self, mels: Tensor) -> Tensor:
        """float32 (80, 2 T) of one window → float32 (T, 2, 384), as ``Encoder.hear``."""
        if self._half_encoder is None:
            return self._float32_encoder.encode(mels)
        states = _encode_as_float32(self._half_encoder, mels)
        due, self._encoded_windows = (
            self._encoded_windows % CHECK_EVERY == 0,
            self._encoded_windows + 1,
        )
        fault = self._check_drift(states, mels) if due else _describe_non_finite(states)
        if fault is None:
            return states
        self.on_fallback(
            f"Listening in {dtype_name(self.precision)} {fault}; it goes on in float32."
        )
        self._half_encoder, self.reason = None, f"hearing in {dtype_name(self.precision)} {fault}"
        return self._float32_encoder.encode(mels)

    def _check_drift(self, states: Tensor, mels: Tensor) -> str | None:
        exact = self._float32_encoder.encode(mels)
        drift = float((states - exact).norm() / exact.norm())
        if drift <= DRIFT_LIMIT:  # false for what is no number
            return None
        return _describe_non_finite(states) or f"was off by {drift:.0%}"


def build_guarded_encoder(
    float32_encoder: WhisperEncoder,
    heads: HeadEnsemble,
    device: torch.device,
    candidate_types: Sequence[torch.dtype] | None = None,
) -> GuardedEncoder:
    """The encoder in the first of ``types`` that is exact enough for ``heads``; None: those that
    the device is good at."""
    candidate_types = half_precision_dtypes(device) if candidate_types is None else candidate_types
    tried = []
    for kind in candidate_types:
        coarse = copy.deepcopy(float32_encoder).to(kind)
        error = _score_error(float32_encoder, coarse, heads, device)
        if error <= SCORE_LIMIT:
            found = f"hearing within {error:.4f} of float32 (limit {SCORE_LIMIT})"
            reason = f"{found}, {FACE_PRECISION_REASON}"
            return GuardedEncoder(float32_encoder, coarse, reason)
        tried.append(f"{dtype_name(kind)} is off by {error:.4f} (limit {SCORE_LIMIT})")
    on_cpu = "on the CPU, the same numbers on every machine"
    none = on_cpu if device.type == "cpu" and not tried else "no faster type on this device"
    return GuardedEncoder(float32_encoder, None, "; ".join(tried) or none)


@torch.inference_mode()
def _score_error(
    exact: WhisperEncoder, coarse: WhisperEncoder, heads: HeadEnsemble, device: torch.device
) -> float:
    mels = LogMelSpectrogram(mel_filters().to(device))(_voice().to(device))
    scores = [heads(_encode_as_float32(encoder, mels)[None]).score for encoder in (exact, coarse)]
    return float((scores[0] - scores[1]).abs().max())


def _encode_as_float32(encoder: WhisperEncoder, mels: Tensor) -> Tensor:
    kind = next(encoder.parameters()).dtype
    return encoder.encode(mels.to(kind)).float()


def _describe_non_finite(states: Tensor) -> str | None:
    return None if bool(states.isfinite().all()) else "gave values that are not numbers"


def _voice() -> Tensor:
    """A made-up voice, (n,) at 16 kHz: harmonics of a gliding pitch, four syllables a second."""
    times = torch.arange(CHECK_SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * torch.pi * (120 * times + 20 * torch.sin(2 * torch.pi * 0.3 * times))
    tone = sum(torch.sin(number * phase) / number for number in range(1, 20))
    loudness = 0.5 - 0.5 * torch.cos(2 * torch.pi * 4 * times)
    return torch.as_tensor(0.1 * loudness * tone)
