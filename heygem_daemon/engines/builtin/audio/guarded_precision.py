"""The speech encoder in half precision, where that is as accurate as float32.

The scores of the heads decide: a state may differ by one per cent without any visible change of the
mouth. While it works, the half-precision encoder is compared with float32 at intervals.

The face networks stay in float32. A landmark is a coordinate of up to 192 pixels, which float16
resolves to 1/8 of a pixel and bfloat16 to a whole pixel. Measured on the demo's presenter, the
mesh's landmarks in either type were off by 0.4 pixels on average and by up to 5, while lips may
tremble by a tenth of a pixel at most.
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
"""Largest allowed difference of a score from float32's, in standard deviations of a speaking mouth.
Measured on speech: 0.002 with float16, 0.02 with bfloat16."""
DRIFT_LIMIT = 0.05
"""Largest allowed difference of a window's states from float32's, as a relative root mean square.
Measured: 0.002 with float16, 0.02 with bfloat16."""
CHECK_EVERY = 16
"""Windows between two comparisons with float32."""
CHECK_SECONDS = 8
"""Length of the synthetic voice with which a data type is tried."""

FACE_PRECISION_REASON = "faces in float32, as landmarks need"


class GuardedEncoder:
    """The speech encoder, in half precision if there is such an encoder.

    Its states are compared with float32's at intervals. At the first state that is not finite, or
    too far off, it falls back to float32 for good.
    """

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
        """Why this data type is used, as a clause."""
        self.on_fallback = on_fallback
        """Called with a sentence when the encoder falls back to float32."""

    @property
    def network(self) -> WhisperEncoder:
        """The network that is in use."""
        return self._float32_encoder if self._half_encoder is None else self._half_encoder

    @property
    def precision(self) -> torch.dtype:
        return next(self.network.parameters()).dtype

    def encode(self, mels: Tensor) -> Tensor:
        """Return the states, float32 (T, 2, 384), of one window's mels, float32 (80, 2 T)."""
        if self._half_encoder is None:
            return self._float32_encoder.encode(mels)
        states = _encode_as_float32(self._half_encoder, mels)
        due = self._encoded_windows % CHECK_EVERY == 0
        self._encoded_windows += 1
        fault = self._check_drift(states, mels) if due else _describe_non_finite(states)
        if fault is None:
            return states
        self.on_fallback(
            f"Listening in {dtype_name(self.precision)} {fault}; it goes on in float32."
        )
        self._half_encoder, self.reason = None, f"hearing in {dtype_name(self.precision)} {fault}"
        return self._float32_encoder.encode(mels)

    def _check_drift(self, states: Tensor, mels: Tensor) -> str | None:
        """Return what is wrong with ``states`` compared with float32, or None."""
        exact = self._float32_encoder.encode(mels)
        drift = float((states - exact).norm() / exact.norm())
        if drift <= DRIFT_LIMIT:  # false for NaN
            return None
        return _describe_non_finite(states) or f"was off by {drift:.0%}"


def build_guarded_encoder(
    float32_encoder: WhisperEncoder,
    heads: HeadEnsemble,
    device: torch.device,
    candidate_types: Sequence[torch.dtype] | None = None,
) -> GuardedEncoder:
    """Return the encoder in the first of ``candidate_types`` that is accurate enough for ``heads``.

    None: the types that the device computes fast.
    """
    candidate_types = half_precision_dtypes(device) if candidate_types is None else candidate_types
    rejected = []
    for dtype in candidate_types:
        half_encoder = copy.deepcopy(float32_encoder).to(dtype)
        error = _score_error(float32_encoder, half_encoder, heads, device)
        if error <= SCORE_LIMIT:
            found = f"hearing within {error:.4f} of float32 (limit {SCORE_LIMIT})"
            reason = f"{found}, {FACE_PRECISION_REASON}"
            return GuardedEncoder(float32_encoder, half_encoder, reason)
        rejected.append(f"{dtype_name(dtype)} is off by {error:.4f} (limit {SCORE_LIMIT})")
    on_cpu = "on the CPU, the same numbers on every machine"
    default = on_cpu if device.type == "cpu" and not rejected else "no faster type on this device"
    return GuardedEncoder(float32_encoder, None, "; ".join(rejected) or default)


@torch.inference_mode()
def _score_error(
    exact: WhisperEncoder, half: WhisperEncoder, heads: HeadEnsemble, device: torch.device
) -> float:
    """Return the largest difference between the two encoders' scores for a synthetic voice."""
    mels = LogMelSpectrogram(mel_filters().to(device))(_voice().to(device))
    scores = [heads(_encode_as_float32(encoder, mels)[None]).scores for encoder in (exact, half)]
    return float((scores[0] - scores[1]).abs().max())


def _encode_as_float32(encoder: WhisperEncoder, mels: Tensor) -> Tensor:
    dtype = next(encoder.parameters()).dtype
    return encoder.encode(mels.to(dtype)).float()


def _describe_non_finite(states: Tensor) -> str | None:
    return None if bool(states.isfinite().all()) else "gave values that are not numbers"


def _voice() -> Tensor:
    """Return a synthetic voice, (n,) at 16 kHz.

    It consists of the harmonics of a gliding pitch, at four syllables per second.
    """
    times = torch.arange(CHECK_SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * torch.pi * (120 * times + 20 * torch.sin(2 * torch.pi * 0.3 * times))
    tone = sum(torch.sin(number * phase) / number for number in range(1, 20))
    loudness = 0.5 - 0.5 * torch.cos(2 * torch.pi * 4 * times)
    return torch.as_tensor(0.1 * loudness * tone)
