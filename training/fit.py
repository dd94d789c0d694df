"""Fits one head to examples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heygem_daemon.engines.builtin.audio.heads import (
    CLOSED_COLUMN,
    PARAMETERS,
    VOICE_COLUMN,
    MouthHead,
)
from training.examples import Example


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is fitted."""

    steps: int = 500
    batch: int = 24
    """Excerpts per step."""
    excerpt: int = 140
    """States per excerpt."""
    rate: float = 2e-3
    """Highest learning rate."""
    decay: float = 1e-2
    """Weight decay."""
    dropout: float = 0.3
    noise: float = 1.7
    """Standard deviation of the noise, in those of the projected states. Half of its power is
    constant over an excerpt, as with a voice or a room."""
    differences: float = 4.0
    """Weight of the loss on differences between neighbouring states."""
    parameters: tuple[float, ...] = (1.5, 1.0, 1.0, 0.7)
    """Weights of the four scores."""
    voice: float = 0.3
    """Weight of the loss on voice."""
    closed: float = 0.5
    """Weight of the loss on closed lips."""


class NoisyHead(MouthHead):
    """A head that adds noise to its projected states in training."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe.dropout)
        self._noise = recipe.noise

    def project(self, states: Tensor) -> Tensor:
        """As ``MouthHead.project``, with noise as strong as noise on the standardized states."""
        x = super().project(states)
        if self.training:
            gain = self.mix.softmax(0).norm() * self.narrow.weight.norm(dim=1)
            steady = torch.randn(len(x), 1, x.shape[2])
            x = x + 0.7 * self._noise * gain.detach() * (torch.randn_like(x) + steady)
        return x


def fit(
    kinds: Sequence[Sequence[Example]], shares: Sequence[float], recipe: Recipe, seed: int
) -> MouthHead:
    """Return a head fitted to several kinds of examples, drawn in the given shares."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    head = NoisyHead(recipe)
    standardize(head, [example for kind in kinds[:2] for example in kind])
    optimizer = torch.optim.AdamW(head.parameters(), recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, recipe.steps)
    head.train()
    for step in range(recipe.steps):
        states, target, weight = batch(kinds, shares, recipe, rng)
        error = loss(head(states)[0], target, weight, recipe)
        optimizer.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"  head {seed}, step {step}: loss {error.item():.3f}", flush=True)
    return head.eval()


def standardize(head: MouthHead, examples: Sequence[Example]) -> None:
    """Set the head's mean and deviation of states from every fifth state."""
    states = torch.cat([example.states[::5].float() for example in examples[::2]])
    head.mean.copy_(states.mean(0))
    head.deviation.copy_(states.std(0))


def batch(
    kinds: Sequence[Sequence[Example]],
    shares: Sequence[float],
    recipe: Recipe,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return states (B, L, 2, 384), targets and weights (B, L, OUTPUTS) of random excerpts."""
    excerpts = []
    for kind in rng.choice(len(kinds), recipe.batch, p=np.array(shares) / sum(shares)):
        examples = kinds[int(kind)]
        example = examples[int(rng.integers(len(examples)))]
        spare = max(0, len(example.states) - recipe.excerpt)
        start = int(rng.integers(spare + 1))
        part = slice(start, start + recipe.excerpt)
        excerpts.append((example.states[part], example.target[part], example.weight[part]))
    states, target, weight = (
        nn.utils.rnn.pad_sequence(list(column), batch_first=True)
        for column in zip(*excerpts, strict=True)
    )
    return states.float(), target, weight


def loss(outputs: Tensor, target: Tensor, weight: Tensor, recipe: Recipe) -> Tensor:
    """Return the loss of a batch.

    It is the squared error of values and of differences, plus the cross-entropy of voice and of
    closed lips.
    """
    scores = len(PARAMETERS)
    counts = weight[..., :scores] * torch.tensor(recipe.parameters)
    error = outputs[..., :scores] - target[..., :scores]
    values = (error.square() * counts).mean()
    changes = (error.diff(dim=1).square() * counts[:, 1:]).mean()
    voice, closed = (
        F.binary_cross_entropy_with_logits(outputs[..., k], target[..., k], weight[..., k])
        for k in (VOICE_COLUMN, CLOSED_COLUMN)
    )
    return values + recipe.differences * changes + recipe.voice * voice + recipe.closed * closed
