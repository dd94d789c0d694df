"""From the states of the speech encoder to how the mouth moves: small networks and a reading.

One head standardizes and mixes the two states, narrows them, lets three dilated residual blocks
look 140 ms to either side, and gives four mouth parameters, whether this is a voice, and whether
the lips are shut. The mean of heads that were trained from different starts is steadier than each
of them; and with a plain linear reading of the same states it is better on people who were never
heard than either alone.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from heygem_daemon.device.weights import apply_weights, read_weights
from heygem_daemon.speech.encoder import STATES, WIDTH

HEADS_FILE = "mouth_head.safetensors"
PARAMETERS = ("aperture", "width", "jaw", "pucker")
HIDDEN = 64
DILATIONS = (1, 2, 4)
VOICE_COLUMN, CLOSED_COLUMN = len(PARAMETERS), len(PARAMETERS) + 1
OUTPUTS = len(PARAMETERS) + 2
"""Columns of a head's output: the scores, then the log-odds of voice and of closed lips."""
COMPONENTS = 48
"""Numbers that are kept of the hidden states: the reading's scores, and of all heads together."""
READOUT_OFFSETS = (-8, -4, -2, 0, 2, 4, 8)
"""States around a moment by which the reading tells its mouth: 160 ms to either side."""


@dataclass(frozen=True, slots=True)
class HeadOutput:
    """What the heads say of a window of states.

    ``score``: float32 (B, T, 4), the PARAMETERS as z-scores of a speaking person; ``voice``:
    float32 (B, T), probability of speech rather than silence, noise or music; ``closed``:
    float32 (B, T), probability that the lips of a speaker are shut; ``hidden``: float32
    (B, T, COMPONENTS), the reading's scores and the principal components of the heads' hidden
    states, in which the scores are very nearly linear.
    """

    scores: Tensor
    voice: Tensor
    closed: Tensor
    hidden: Tensor


class DilatedResidualBlock(nn.Module):
    """A dilated convolution over time and a mix over channels, added to the input."""

    def __init__(self, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(HIDDEN)
        self.over_time = nn.Conv1d(HIDDEN, HIDDEN, 3, dilation=dilation, padding=dilation)
        self.over_channels = nn.Linear(HIDDEN, HIDDEN)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, 64) → the same."""
        y = self.over_time(self.norm(x).transpose(1, 2)).transpose(1, 2)
        y = self.over_channels(nn.functional.gelu(y))
        added: Tensor = x + self.dropout(y)
        return added


class MouthHead(nn.Module):
    """One network of about 75,000 weights. ``mean`` and ``deviation`` standardize the states."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(STATES, WIDTH))
        self.register_buffer("deviation", torch.ones(STATES, WIDTH))
        self.mix = nn.Parameter(torch.zeros(STATES))
        self.narrow = nn.Linear(WIDTH, HIDDEN)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            DilatedResidualBlock(dilation, dropout) for dilation in DILATIONS
        )
        self.norm = nn.LayerNorm(HIDDEN)
        self.out = nn.Linear(HIDDEN, OUTPUTS)

    def hidden(self, states: Tensor) -> Tensor:
        """float32 (B, T, 2, 384) → (B, T, 64): what the outputs are linear in."""
        x: Tensor = self.dropout(self.project(states))
        for block in self.blocks:
            x = block(x)
        normed: Tensor = self.norm(x)
        return normed

    def project(self, states: Tensor) -> Tensor:
        """The states standardized, mixed and narrowed: (B, T, 64)."""
        # All three are linear: one matrix for them is several times faster than one after another.
        weights = self.mix.softmax(0)[:, None] / self.deviation * self.narrow.weight[:, None]
        bias = self.narrow.bias - (weights * self.mean).sum((1, 2))
        return nn.functional.linear(states.flatten(2), weights.flatten(1), bias)

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """float32 (B, T, 2, 384) → (B, T, OUTPUTS), the four scores and two log-odds, and the
        hidden states (B, T, 64) that they are linear in."""
        hidden = self.hidden(states)
        return self.out(hidden), hidden


class LinearReadout(nn.Module):
    """The scores as a linear function of the states around: nothing in it can be surprised by a
    voice that it never heard."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(STATES * WIDTH, len(READOUT_OFFSETS) * len(PARAMETERS))

    def forward(self, states: Tensor) -> Tensor:
        """float32 (B, T, 2, 384) → scores (B, T, 4); before and after, the ends go on."""
        time = states.shape[1]
        told = self.linear(states.flatten(2)).unflatten(2, (len(READOUT_OFFSETS), len(PARAMETERS)))
        here = torch.arange(time, device=states.device)
        parts = [
            told[:, (here + moment).clamp(0, time - 1), number]
            for number, moment in enumerate(READOUT_OFFSETS)
        ]
        return torch.stack(parts).sum(0)


class HeadEnsemble(nn.Module):
    """The mean of several heads and a reading. ``centre`` (H,) and ``basis`` (H, COMPONENTS - 4):
    of the principal components of the heads' hidden states, laid side by side."""

    centre: Tensor
    basis: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(MouthHead() for _ in range(count))
        self.reading = LinearReadout()
        self.register_buffer("centre", torch.zeros(count * HIDDEN))
        self.register_buffer("basis", torch.zeros(count * HIDDEN, COMPONENTS - len(PARAMETERS)))

    @classmethod
    def load(cls, weights: Path, device: torch.device) -> "HeadEnsemble":
        """As many heads as the file in the folder ``weights`` has, in float32 on ``device``.

        Raises WeightsUnavailable if the file is missing, damaged, or of another shape.
        """
        path = weights / HEADS_FILE
        tensors = read_weights(path)
        heads = cls(sum(name.endswith(".mix") for name in tensors))
        return apply_weights(heads, tensors, path, device)

    def run_heads(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """float32 (B, T, 2, 384) → the heads' mean output (B, T, OUTPUTS), and their hidden states
        side by side (B, T, H)."""
        outputs, hidden = zip(*(head(states) for head in self.heads), strict=True)
        return torch.stack(outputs).mean(0), torch.cat(hidden, dim=-1)

    def forward(self, states: Tensor) -> HeadOutput:
        """float32 (B, T, 2, 384) → the heads' mean opinion; of the scores, that of the heads and
        the reading's."""
        mean, hidden = self.run_heads(states)
        read = self.reading(states)
        return HeadOutput(
            scores=(mean[..., : len(PARAMETERS)] + read) / 2,
            voice=mean[..., VOICE_COLUMN].sigmoid(),
            closed=mean[..., CLOSED_COLUMN].sigmoid(),
            hidden=torch.cat([read, (hidden - self.centre) @ self.basis], dim=-1),
        )
