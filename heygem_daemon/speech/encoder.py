"""The encoder of OpenAI's Whisper tiny in torch, up to where it hears how a mouth moves.

Architecture: A. Radford et al., 'Robust Speech Recognition via Large-Scale Weak Supervision'
(2022): two convolutions (the second halves the rate), sinusoidal positions, four pre-norm
transformer blocks. What the second and the third give tells most of articulation: before them the
voice itself is in the way, and the last one turns to words (`training/RESULTS.md`; A. Pasad et al.,
'Layer-wise Analysis of a Self-supervised Speech Representation Model', 2021, found the same order
in another encoder). So the last block is not run.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heygem_daemon.device.weights import apply_weights, read_weights
from heygem_daemon.speech.features import N_MELS, STATE_RATE

WIDTH = 384
HEADS = 6
BLOCKS = 3
"""Blocks that are run; the file holds the fourth too."""
STATES = 2
"""The outputs of the last blocks that are run."""
MIN_STATES = 6 * STATE_RATE
"""States below which a window is lengthened by silence."""
WEIGHTS_FILE = "whisper_tiny_encoder.safetensors"


class SelfAttention(nn.Module):
    """Self-attention over all states of a window; query, key and value in one projection."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, 384) → the same."""
        batch, time, _ = x.shape
        query, key, value = (
            part.view(batch, time, HEADS, WIDTH // HEADS).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        mixed = F.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, time, WIDTH))
        return projected


class TransformerBlock(nn.Module):
    """One transformer block with the norms before its two parts."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.attention = SelfAttention()
        self.mlp_norm = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, 384) → the same."""
        x = x + self.attention(self.attention_norm(x))
        mixed: Tensor = x + self.mlp(self.mlp_norm(x))
        return mixed


class WhisperEncoder(nn.Module):
    """Log-mel spectrogram to the states of every 20 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(N_MELS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(TransformerBlock() for _ in range(BLOCKS))

    @classmethod
    def load(cls, weights: Path, device: torch.device) -> "WhisperEncoder":
        """The encoder with the weights of the folder ``weights``, in float32 on ``device``.

        Raises WeightsUnavailable if the file is missing, damaged, or of another shape.
        """
        path = weights / WEIGHTS_FILE
        needed = {
            name: tensor
            for name, tensor in read_weights(path).items()
            if not name.startswith(f"blocks.{BLOCKS}.")
        }
        return apply_weights(cls(), needed, path, device)

    def encode(self, mels: Tensor) -> Tensor:
        """float32 (80, 2 T) of one window → (T, 2, 384), as ``forward``.

        A short window is heard with silence after it: the encoder has learned on long ones, and
        what it makes of a few seconds alone fits a mouth slightly less well.
        """
        missing = max(0, 2 * MIN_STATES - mels.shape[1])
        padded = F.pad(mels, (0, missing), value=float(mels.min()))
        states: Tensor = self(padded[None])[0, : mels.shape[1] // 2]
        return states

    def forward(self, mels: Tensor) -> Tensor:
        """float32 (B, 80, 2 T) → (B, T, 2, 384): the outputs of the second and the third block."""
        x = F.gelu(self.conv1(mels))
        x = F.gelu(self.conv2(x)).transpose(1, 2)
        x = x + sinusoids(x.shape[1]).to(x)
        states = []
        for block in self.blocks:
            x = block(x)
            states.append(x)
        return torch.stack(states[-STATES:], dim=2)


def sinusoids(length: int) -> Tensor:
    """Float32 (length, 384): sines, then cosines, of 192 wavelengths from 2 pi to 20,000 pi."""
    half = WIDTH // 2
    rates = torch.exp(-torch.log(torch.tensor(10_000.0)) / (half - 1) * torch.arange(half))
    angles = torch.arange(length)[:, None] * rates[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)
