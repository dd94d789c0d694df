"""The encoder of OpenAI's Whisper tiny in torch, without its last block.

Architecture: A. Radford et al., 'Robust Speech Recognition via Large-Scale Weak Supervision'
(2022): two convolutions (the second halves the rate), sinusoidal positions, four pre-norm
transformer blocks. The outputs of the second and the third block contain most about articulation:
earlier ones depend more on the speaker's voice, and the last one more on words
(`training/RESULTS.md`; A. Pasad et al., 'Layer-wise Analysis of a Self-supervised Speech
Representation Model', 2021, found the same order in another encoder). So the last block is not run.
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
"""Transformer blocks that are run. The weights file also has the fourth."""
STATES = 2
"""Number of blocks, the last ones that are run, whose outputs are returned."""
MIN_STATES = 6 * STATE_RATE
"""A window with fewer states is padded with silence."""
WEIGHTS_FILE = "whisper_tiny_encoder.safetensors"


class SelfAttention(nn.Module):
    """Self-attention over all states of a window, with one projection for query, key and value."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, 384) → the same shape."""
        batch, time, _ = x.shape
        query, key, value = (
            part.view(batch, time, HEADS, WIDTH // HEADS).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        mixed = F.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, time, WIDTH))
        return projected


class TransformerBlock(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.attention = SelfAttention()
        self.mlp_norm = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, 384) → the same shape."""
        x = x + self.attention(self.attention_norm(x))
        mixed: Tensor = x + self.mlp(self.mlp_norm(x))
        return mixed


class WhisperEncoder(nn.Module):
    """Computes the states of every 20 ms from a log-mel spectrogram."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(N_MELS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(TransformerBlock() for _ in range(BLOCKS))

    @classmethod
    def load(cls, weights: Path, device: torch.device) -> "WhisperEncoder":
        """Load the encoder from the folder ``weights``, in float32 on ``device``.

        Raises WeightsUnavailable if the file is missing or damaged, or has another shape.
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

        A short window is padded with silence: the encoder was trained on long ones, and its states
        for a few seconds alone predict a mouth slightly less well.
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
    """Return float32 (length, 384): sines, then cosines, of 192 wavelengths 2 pi … 20,000 pi.

    Source: ``sinusoids`` in OpenAI Whisper, ``whisper/model.py``.
    """
    half = WIDTH // 2
    rates = torch.exp(-torch.log(torch.tensor(10_000.0)) / (half - 1) * torch.arange(half))
    angles = torch.arange(length)[:, None] * rates[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)
