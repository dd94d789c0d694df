"""Fitting the readout of closed lips."""

from pathlib import Path

import numpy as np
import pytest
import torch

from heygem_daemon.engines.builtin.audio.closure import AROUND, REACH
from heygem_daemon.engines.builtin.audio.heads import HeadEnsemble
from heygem_daemon.engines.builtin.audio.listening import AudioModel
from training.closures import Moments, fit_closure, hear
from training.phones import Phone, Spoken

WEIGHTS = Path(__file__).resolve().parents[2] / "weights" / "builtin"


def test_the_inputs_that_tell_closures_get_the_weight() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(5000, 2 * AROUND, dtype=torch.double) * 3 + 1
    log_odds = 2 * inputs[:, REACH] - inputs[:, AROUND + REACH] - 1
    closed = (torch.rand(5000) < log_odds.sigmoid()).double()
    readout = fit_closure(Moments(inputs, closed)).requires_grad_(False)
    weight = readout.linear.weight[0]
    assert float(weight[REACH]) == pytest.approx(2, rel=0.2)
    assert float(weight[AROUND + REACH]) == pytest.approx(-1, rel=0.2)
    assert float(readout.linear.bias) == pytest.approx(-1, abs=0.3)
    others = [i for i in range(2 * AROUND) if i not in (REACH, AROUND + REACH)]
    assert float(weight[others].abs().max()) < 0.15


def test_closures_that_are_told_apart_without_error_do_not_end_the_fit() -> None:
    inputs = torch.randn(200, 2 * AROUND, dtype=torch.double)
    readout = fit_closure(Moments(inputs, (inputs[:, 0] > 0).double()))
    assert bool(readout.linear.weight.isfinite().all())


def test_only_moments_count_in_which_it_is_known() -> None:
    listener = AudioModel.load(WEIGHTS)
    listener._heads.closure = type(listener._heads.closure)()
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal(32_000)).astype(np.float32)
    # All of it lies within 50 ms of lips that may be closed.
    phones = tuple(Phone("f", start, start + 0.1) for start in np.arange(0, 2, 0.1).tolist())
    assert len(hear(listener, [Spoken(sound, phones)]).closed) == 0


def test_the_shipped_readout_is_trained() -> None:
    weight = HeadEnsemble.load(WEIGHTS, torch.device("cpu")).closure.linear.weight[0]
    assert float(weight[:AROUND].sum()) > 0.5
    assert float(weight[AROUND:].abs().max()) > 0.1
