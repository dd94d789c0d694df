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

from heygem_daemon.device.precision import coarse_types, name_of
from heygem_daemon.engines.builtin.audio.heads import Heads
from heygem_daemon.speech.encoder import Encoder
from heygem_daemon.speech.features import SAMPLE_RATE, LogMel, mel_filters

SCORE_LIMIT = 0.01
"""Largest difference of a score from float32's, in standard deviations of a speaking mouth;
measured on speech, float16 made one of 0.002 and bfloat16 one of 0.02."""
DRIFT_LIMIT = 0.05
"""Largest difference of a window's states from float32's, relative, root mean square; float16
made 0.002 and bfloat16 0.02."""
CHECK_EVERY = 16
"""Windows from one comparison with float32 to the next one."""
CHECK_SECONDS = 8

FACES = "faces in float32, as landmarks need"


class WatchedEncoder:
    """The encoder, in ``coarse`` if there is one. What it says is compared with ``exact`` now and
    then; at the first value that is no number, or too far off, it goes on in float32 for good."""

    def __init__(
        self,
        exact: Encoder,
        coarse: Encoder | None,
        reason: str,
        tell: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        self._exact = exact
        self._coarse = coarse
        self._heard = 0
        self.reason = reason
        """Why this type of numbers: a clause."""
        self.tell = tell
        """Gets a sentence when it goes over to float32."""

    @property
    def network(self) -> Encoder:
        """What computes."""
        return self._exact if self._coarse is None else self._coarse

    @property
    def precision(self) -> torch.dtype:
        return next(self.network.parameters()).dtype

    def hear(self, mels: Tensor) -> Tensor:
        """float32 (80, 2 T) of one window → float32 (T, 2, 384), as ``Encoder.hear``."""
        if self._coarse is None:
            return self._exact.hear(mels)
        states = _heard(self._coarse, mels)
        due, self._heard = self._heard % CHECK_EVERY == 0, self._heard + 1
        fault = self._fault(states, mels) if due else _no_numbers(states)
        if fault is None:
            return states
        self.tell(f"Listening in {name_of(self.precision)} {fault}; it goes on in float32.")
        self._coarse, self.reason = None, f"hearing in {name_of(self.precision)} {fault}"
        return self._exact.hear(mels)

    def _fault(self, states: Tensor, mels: Tensor) -> str | None:
        exact = self._exact.hear(mels)
        drift = float((states - exact).norm() / exact.norm())
        if drift <= DRIFT_LIMIT:  # false for what is no number
            return None
        return _no_numbers(states) or f"was off by {drift:.0%}"


def watched(
    exact: Encoder,
    heads: Heads,
    device: torch.device,
    types: Sequence[torch.dtype] | None = None,
) -> WatchedEncoder:
    """The encoder in the first of ``types`` that is exact enough for ``heads``; None: those that
    the device is good at."""
    types = coarse_types(device) if types is None else types
    tried = []
    for kind in types:
        coarse = copy.deepcopy(exact).to(kind)
        error = _score_error(exact, coarse, heads, device)
        if error <= SCORE_LIMIT:
            reason = f"hearing within {error:.4f} of float32 (limit {SCORE_LIMIT}), {FACES}"
            return WatchedEncoder(exact, coarse, reason)
        tried.append(f"{name_of(kind)} is off by {error:.4f} (limit {SCORE_LIMIT})")
    on_cpu = "on the CPU, the same numbers on every machine"
    none = on_cpu if device.type == "cpu" and not tried else "no faster type on this device"
    return WatchedEncoder(exact, None, "; ".join(tried) or none)


@torch.inference_mode()
def _score_error(exact: Encoder, coarse: Encoder, heads: Heads, device: torch.device) -> float:
    mels = LogMel(mel_filters().to(device))(_voice().to(device))
    scores = [heads(_heard(encoder, mels)[None]).score for encoder in (exact, coarse)]
    return float((scores[0] - scores[1]).abs().max())


def _heard(encoder: Encoder, mels: Tensor) -> Tensor:
    kind = next(encoder.parameters()).dtype
    return encoder.hear(mels.to(kind)).float()


def _no_numbers(states: Tensor) -> str | None:
    return None if bool(states.isfinite().all()) else "gave values that are not numbers"


def _voice() -> Tensor:
    """A made-up voice, (n,) at 16 kHz: harmonics of a gliding pitch, four syllables a second."""
    times = torch.arange(CHECK_SECONDS * SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * torch.pi * (120 * times + 20 * torch.sin(2 * torch.pi * 0.3 * times))
    tone = sum(torch.sin(number * phase) / number for number in range(1, 20))
    loudness = 0.5 - 0.5 * torch.cos(2 * torch.pi * 4 * times)
    return torch.as_tensor(0.1 * loudness * tone)
