"""Fits the linear readout of the encoder's states in closed form, without a random start.

It is a ridge regression from the states around a moment to the moment's scores. The states are
mixed as the heads mix them, and the principal components of the mixture are used.
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
"""Number of principal components of the mixed states: half of all."""
NOISE = 0.02
"""Variance of the noise on the components that the regression allows for."""


def fit_readout(
    clean: Sequence[Example], all_kinds: Sequence[Example], heads: Sequence[MouthHead]
) -> LinearReadout:
    """Return the readout of ``clean`` examples of real speakers.

    The components are those of ``all_kinds`` of examples.
    """
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
        tracked = each.weight[:, 0] > 0
        x = with_neighbours(mixed(each, gain, offset) @ components)[tracked]
        squares += (x.T @ x).double()
        products += (x.T @ each.target[tracked, : len(PARAMETERS)]).double()
        count += len(x)
    allowance = torch.full((size,), NOISE, dtype=torch.double)
    allowance[-1] = 0
    solution = torch.linalg.solve(squares / count + torch.diag(allowance), products / count)
    return build_readout(solution.float(), components, gain, offset)


def mixed(example: Example, gain: Tensor, offset: Tensor) -> Tensor:
    """Return the states of an example standardized and mixed, float32 (T, 384)."""
    result: Tensor = torch.einsum("tlc,lc->tc", example.states.float(), gain) - offset
    return result


def principal(samples: Sequence[Tensor]) -> Tensor:
    """Return the directions (384, KEPT) in which samples (n, 384) vary most."""
    all_samples = torch.cat(list(samples))
    _, directions = torch.linalg.eigh(all_samples.T @ all_samples)
    kept: Tensor = directions.flip(1)[:, :KEPT].contiguous()
    return kept


def with_neighbours(values: Tensor) -> Tensor:
    """Return the values (T, C) at all READOUT_OFFSETS side by side, and a one: (T, 7 C + 1)."""
    places = torch.arange(len(values))
    parts = [values[(places + offset).clamp(0, len(values) - 1)] for offset in READOUT_OFFSETS]
    return F.pad(torch.cat(parts, dim=1), (0, 1), value=1.0)


def build_readout(
    solution: Tensor, components: Tensor, gain: Tensor, offset: Tensor
) -> LinearReadout:
    """Return a readout with the solution (7 x KEPT + 1, 4) and all steps before it folded in."""
    weights = solution[:-1].reshape(len(READOUT_OFFSETS), KEPT, len(PARAMETERS))
    mixture = torch.einsum("ck,mkp->cmp", components, weights).flatten(1)
    readout = LinearReadout()
    with torch.no_grad():
        readout.linear.weight.copy_((gain[:, :, None] * mixture).flatten(0, 1).T)
        readout.linear.bias.copy_(-offset @ mixture)
        readout.linear.bias[: len(PARAMETERS)] += solution[-1]
    return readout
