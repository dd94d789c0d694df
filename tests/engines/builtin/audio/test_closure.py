"""Reading from what is heard around a moment whether the lips are closed."""

from pathlib import Path

import torch

from heygem_daemon.engines.builtin.audio.closure import (
    AROUND,
    LEAST_PROBABILITY,
    ClosureReadout,
    closure_inputs,
)
from heygem_daemon.engines.builtin.audio.heads import HeadEnsemble

WEIGHTS = Path(__file__).resolve().parents[4] / "weights" / "builtin"


def shipped() -> ClosureReadout:
    """Return the readout that ships."""
    return HeadEnsemble.load(WEIGHTS, torch.device("cpu")).closure.requires_grad_(False)


def heard(closed: float, aperture: float, states: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    """Return curves (``states``,) that do not change."""
    return torch.full((states,), closed), torch.full((states,), aperture)


def test_before_training_it_returns_what_it_is_given() -> None:
    closed = torch.tensor([0.0, 0.2, 0.5, 0.9, 1.0])
    read = ClosureReadout()(closed, torch.linspace(-2, 2, 5))
    limited = closed.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    assert torch.allclose(read, limited, atol=1e-6)


def test_inputs_are_those_of_60_ms_to_either_side() -> None:
    closed, aperture = torch.linspace(0.1, 0.9, 20), torch.arange(20.0)
    inputs = closure_inputs(closed, aperture)
    assert inputs.shape == (20, 2 * AROUND)
    assert inputs[10, AROUND:].tolist() == [7, 8, 9, 10, 11, 12, 13]
    assert torch.allclose(inputs[10, :AROUND].sigmoid(), closed[7:14])
    assert inputs[0, AROUND:].tolist() == [0, 0, 0, 0, 1, 2, 3]
    assert inputs[19, AROUND:].tolist() == [16, 17, 18, 19, 19, 19, 19]


def test_no_sound_has_no_closures() -> None:
    empty = torch.zeros(0)
    assert closure_inputs(empty, empty).shape == (0, 2 * AROUND)
    assert shipped()(empty, empty).shape == (0,)


def test_a_lasting_doubt_is_no_closure_but_a_short_one_is() -> None:
    # Of unknown voices the heads are in doubt for a whole vowel.
    lasting, aperture = heard(0.4, 0.5)
    short = torch.full((30,), 0.02)
    short[14:17] = torch.tensor([0.2, 0.4, 0.2])
    readout = shipped()
    assert float(readout(lasting, aperture)[15]) < 0.4
    assert float(readout(short, aperture)[15]) > 0.5


def test_a_pause_stays_closed() -> None:
    assert float(shipped()(*heard(1.0, -1.5)).min()) > 0.98
