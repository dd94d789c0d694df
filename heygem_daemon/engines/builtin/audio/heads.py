"""Small networks from the speech encoder's states to the movement of the mouth.

A head standardizes and mixes the two states and projects them to fewer channels. Three dilated
residual blocks cover 140 ms to either side. The outputs are four mouth parameters, whether this is
a voice, and whether the lips are closed.

The mean of heads that were trained from different starts is steadier than a single head. Together
with a linear readout of the same states, it is more accurate on unknown speakers than either of
them alone.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from heygem_daemon.device.weights import apply_weights, read_weights
from heygem_daemon.engines.builtin.audio.closure import ClosureReadout
from heygem_daemon.speech.encoder import STATES, WIDTH

HEADS_FILE = "mouth_head.safetensors"
PARAMETERS = ("aperture", "width", "jaw", "pucker")
"""Names of the mouth parameters, in the order of their columns."""
HIDDEN = 64
"""Channels inside a head."""
DILATIONS = (1, 2, 4)
VOICE_COLUMN, CLOSED_COLUMN = len(PARAMETERS), len(PARAMETERS) + 1
OUTPUTS = len(PARAMETERS) + 2
"""Columns of a head's output: the scores, then the log-odds of voice and of closed lips."""
COMPONENTS = 48
"""Columns of the hidden states: the readout's scores, and principal components of all heads
together."""
READOUT_OFFSETS = (-8, -4, -2, 0, 2, 4, 8)
"""States around a moment from which the readout predicts the mouth: 160 ms to either side."""


@dataclass(frozen=True, slots=True)
class HeadOutput:
    """The output of the heads for a window of states."""

    scores: Tensor
    """float32 (B, T, 4), the PARAMETERS as z-scores of a speaking person."""
    voice: Tensor
    """float32 (B, T), probability of speech rather than silence, noise or music."""
    closed: Tensor
    """float32 (B, T), probability that a speaker's lips are closed, for each moment alone."""
    hidden: Tensor
    """float32 (B, T, COMPONENTS), the readout's scores and the principal components of the heads'
    hidden states. The scores are very nearly linear in them."""


class DilatedResidualBlock(nn.Module):
    """A dilated convolution over time and a linear layer over channels, added to the input."""

    def __init__(self, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(HIDDEN)
        self.over_time = nn.Conv1d(HIDDEN, HIDDEN, 3, dilation=dilation, padding=dilation)
        self.over_channels = nn.Linear(HIDDEN, HIDDEN)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, 64) to (B, T, 64)."""
        y = self.over_time(self.norm(x).transpose(1, 2)).transpose(1, 2)
        y = self.over_channels(nn.functional.gelu(y))
        added: Tensor = x + self.dropout(y)
        return added


class MouthHead(nn.Module):
    """A network of about 75,000 weights."""

    mean: Tensor
    """(2, 384), subtracted from the states."""
    deviation: Tensor
    """(2, 384), divides the states."""

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
        """Return the hidden states (B, T, 64) of states (B, T, 2, 384).

        The outputs are linear in them.
        """
        x: Tensor = self.dropout(self.project(states))
        for block in self.blocks:
            x = block(x)
        normed: Tensor = self.norm(x)
        return normed

    def project(self, states: Tensor) -> Tensor:
        """Return the states standardized, mixed and projected: (B, T, 64)."""
        # All three are linear: one matrix for all is several times faster than three steps.
        weights = self.mix.softmax(0)[:, None] / self.deviation * self.narrow.weight[:, None]
        bias = self.narrow.bias - (weights * self.mean).sum((1, 2))
        return nn.functional.linear(states.flatten(2), weights.flatten(1), bias)

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs and the hidden states of states (B, T, 2, 384).

        Outputs: (B, T, OUTPUTS), four scores and two log-odds. Hidden states: (B, T, 64); the
        outputs are linear in them.
        """
        hidden = self.hidden(states)
        return self.out(hidden), hidden


class LinearReadout(nn.Module):
    """The scores as a linear function of the surrounding states; unknown voices cannot upset it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(STATES * WIDTH, len(READOUT_OFFSETS) * len(PARAMETERS))

    def forward(self, states: Tensor) -> Tensor:
        """Return the scores (B, T, 4) of states, float32 (B, T, 2, 384).

        Beyond the ends, the first and the last state are repeated.
        """
        time = states.shape[1]
        outputs = self.linear(states.flatten(2)).unflatten(
            2, (len(READOUT_OFFSETS), len(PARAMETERS))
        )
        times = torch.arange(time, device=states.device)
        parts = [
            outputs[:, (times + offset).clamp(0, time - 1), number]
            for number, offset in enumerate(READOUT_OFFSETS)
        ]
        return torch.stack(parts).sum(0)


class HeadEnsemble(nn.Module):
    """The mean of several heads and a linear readout, and the readout of closed lips."""

    centre: Tensor
    """(H,), mean of the heads' hidden states, concatenated."""
    basis: Tensor
    """(H, COMPONENTS - 4), principal components of the heads' hidden states, concatenated."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(MouthHead() for _ in range(count))
        self.reading = LinearReadout()
        self.closure = ClosureReadout()
        """For whole curves, which are not at hand here: ``AudioModel.listen`` applies it."""
        self.register_buffer("centre", torch.zeros(count * HIDDEN))
        self.register_buffer("basis", torch.zeros(count * HIDDEN, COMPONENTS - len(PARAMETERS)))

    @classmethod
    def load(cls, weights: Path, device: torch.device) -> "HeadEnsemble":
        """Load all heads of the file in the folder ``weights``, in float32 on ``device``.

        Raises WeightsUnavailable if the file is missing, damaged, or has another shape.
        """
        path = weights / HEADS_FILE
        tensors = read_weights(path)
        heads = cls(sum(name.endswith(".mix") for name in tensors))
        return apply_weights(heads, tensors, path, device)

    def run_heads(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return the heads' mean output and their hidden states for states (B, T, 2, 384).

        Output: (B, T, OUTPUTS). Hidden states: (B, T, H), concatenated.
        """
        outputs, hidden = zip(*(head(states) for head in self.heads), strict=True)
        return torch.stack(outputs).mean(0), torch.cat(hidden, dim=-1)

    def forward(self, states: Tensor) -> HeadOutput:
        """Return the heads' mean output for states, float32 (B, T, 2, 384).

        The scores are the mean of the heads' scores and the readout's.
        """
        mean, hidden = self.run_heads(states)
        read = self.reading(states)
        return HeadOutput(
            scores=(mean[..., : len(PARAMETERS)] + read) / 2,
            voice=mean[..., VOICE_COLUMN].sigmoid(),
            closed=mean[..., CLOSED_COLUMN].sigmoid(),
            hidden=torch.cat([read, (hidden - self.centre) @ self.basis], dim=-1),
        )
