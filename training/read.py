"""The linear reading of the encoder's states, solved in closed form: no start, no luck.

Ridge regression from the states around a moment to its scores. The states are mixed as the
heads mix them; of the mixture the principal components are kept.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from heygem_daemon.engines.builtin.audio.heads import (
    PARAMETERS,
    READOUT_OFFSETS,
    LinearReadout,
    MouthHead,
)
from training.examples import Example

KEPT = 192
"""Principal components of the mixed states that are read: half of all there are."""
NOISE = 0.02
"""Variance of the noise on the components that the regression allows for."""


def fit_reading(
    clean: Sequence[Example], all_kinds: Sequence[Example], heads: Sequence[MouthHead]
) -> LinearReadout:
    """The reading of ``clean`` examples of real speakers, with components from ``all_kinds``."""
    mix = torch.stack([head.mix.detach().softmax(0) for head in heads]).mean(0)
    deviation, mean = heads[0].deviation, heads[0].mean
    gain = mix[:, None] / deviation
    offset = (gain * mean).sum(0)
    components = principal([mixed(each, gain, offset)[::9] for each in all_kinds[::6]])
    size = len(READOUT_OFFSETS) * KEPT + 1
    squares = torch.zeros(size, size, dtype=torch.double)
    products = torch.zeros(size, len(PARAMETERS), dtype=torch.double)
    count = 0
    for each in clean:
        seen = each.weight[:, 0] > 0
        x = around(mixed(each, gain, offset) @ components)[seen]
        squares += (x.T @ x).double()
        products += (x.T @ each.target[seen, : len(PARAMETERS)]).double()
        count += len(x)
    allowance = torch.full((size,), NOISE, dtype=torch.double)
    allowance[-1] = 0
    solution = torch.linalg.solve(squares / count + torch.diag(allowance), products / count)
    return reading_of(solution.float(), components, gain, offset)


def mixed(example: Example, gain: Tensor, offset: Tensor) -> Tensor:
    """The states of an example standardized and mixed, float32 (T, 384)."""
    result: Tensor = torch.einsum("tlc,lc->tc", example.states.float(), gain) - offset
    return result


def principal(samples: Sequence[Tensor]) -> Tensor:
    """The directions (384, KEPT) in which samples (n, 384) vary most."""
    all_samples = torch.cat(list(samples))
    _, directions = torch.linalg.eigh(all_samples.T @ all_samples)
    kept: Tensor = directions.flip(1)[:, :KEPT].contiguous()
    return kept


def around(values: Tensor) -> Tensor:
    """(T, C) → (T, MOMENTS x C + 1): the values at all moments around, and a one."""
    places = torch.arange(len(values))
    parts = [values[(places + moment).clamp(0, len(values) - 1)] for moment in READOUT_OFFSETS]
    return F.pad(torch.cat(parts, dim=1), (0, 1), value=1.0)


def reading_of(solution: Tensor, components: Tensor, gain: Tensor, offset: Tensor) -> LinearReadout:
    """The solution (MOMENTS x KEPT + 1, 4) with all that goes before it folded in."""
    weights = solution[:-1].reshape(len(READOUT_OFFSETS), KEPT, len(PARAMETERS))
    mixture = torch.einsum("ck,mkp->cmp", components, weights).flatten(1)
    reading = LinearReadout()
    with torch.no_grad():
        reading.linear.weight.copy_((gain[:, :, None] * mixture).flatten(0, 1).T)
        reading.linear.bias.copy_(-offset @ mixture)
        reading.linear.bias[: len(PARAMETERS)] += solution[-1]
    return reading
