"""Whether the lips are closed, read from what the heads hear around a moment.

A head decides about every moment alone, and of unknown voices it often believes lips to be closed
that are open. A closure is short, and the opening falls before and rises after it: the
probabilities and the apertures that are heard around a moment tell closures from open vowels
better than its own probability does (`training/RESULTS.md`).
"""

import torch
from torch import Tensor, nn

REACH = 3
"""States to either side that are used: 60 ms."""
AROUND = 2 * REACH + 1
LEAST_PROBABILITY = 1e-3
"""Probabilities are limited to this and its complement, as log-odds have no end."""


class ClosureReadout(nn.Module):
    """A logistic regression. Before it is trained, it returns the probability that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * AROUND, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        with torch.no_grad():
            self.linear.weight[0, REACH] = 1.0

    def forward(self, closed: Tensor, aperture: Tensor) -> Tensor:
        """Return the probability (T,) that the lips are closed.

        ``closed``: float32 (T,), the heads' probability of it, 1 in a pause; ``aperture``: float32
        (T,), z-scores.
        """
        log_odds: Tensor = self.linear(closure_inputs(closed, aperture))[:, 0]
        return log_odds.sigmoid()


def closure_inputs(closed: Tensor, aperture: Tensor) -> Tensor:
    """Return what is heard around each state, (T, 2 AROUND): log-odds of closed lips, then
    apertures. Beyond the ends, the first and the last state are repeated.

    Parameters as of ``ClosureReadout.forward``.
    """
    log_odds = closed.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY).logit()
    heard = torch.stack([log_odds, aperture])
    places = torch.arange(len(closed), device=closed.device)[:, None]
    around = places + torch.arange(-REACH, REACH + 1, device=closed.device)
    return heard[:, around.clamp(0, max(len(closed) - 1, 0))].transpose(0, 1).flatten(1)
