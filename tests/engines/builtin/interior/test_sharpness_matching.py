import math

import numpy as np
import pytest
import torch

from heygem_daemon.engines.builtin.interior.sharpness_matching import (
    SHARPNESS_RATIO_LIMIT,
    laplacian_energy,
    match_sharpness,
    resample_to_source,
)
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView

SIDE = 40
ALL = torch.ones(SIDE, SIDE)


def sharp_luma() -> torch.Tensor:
    torch.manual_seed(0)
    return 128 + 40 * torch.randn(1, SIDE, SIDE)


def test_luma_as_sharp_as_usual_stays_as_it_is() -> None:
    luma = sharp_luma()
    usual = laplacian_energy(luma, ALL) / ALL.sum().item() / SHARPNESS_RATIO_LIMIT * 1.01
    assert match_sharpness(luma, ALL, usual) is luma


def test_sharper_edges_are_smoothed_to_the_limit() -> None:
    luma = sharp_luma()
    usual = 0.5 * laplacian_energy(luma, ALL) / ALL.sum().item() / SHARPNESS_RATIO_LIMIT
    soft = match_sharpness(luma, ALL, usual)
    assert laplacian_energy(soft, ALL) == pytest.approx(0.5 * laplacian_energy(luma, ALL), rel=0.01)


def test_smoothing_is_limited() -> None:
    luma = sharp_luma()
    assert match_sharpness(luma, ALL, 0.0).std() > 0.3 * luma.std()


def test_only_visible_pixels_count() -> None:
    luma = sharp_luma()
    assert match_sharpness(luma, torch.zeros(SIDE, SIDE), 1.0) is luma


def test_nothing_is_limited_where_no_usual_edges_are_known() -> None:
    luma = sharp_luma()
    assert match_sharpness(luma, ALL, math.inf) is luma
    assert match_sharpness(luma, torch.zeros(SIDE, SIDE), math.inf) is luma


def test_a_patch_is_read_in_the_pixels_of_its_video() -> None:
    rows = torch.arange(100, dtype=torch.float32)[:, None].expand(100, 100)
    view = PlaneView(np.eye(2, dtype=np.float32) * 100, np.array([50, 50], np.float32))
    axes = np.eye(2, dtype=np.float32) * 50
    low, high = np.array([-0.3, -0.1], np.float32), np.array([0.3, 0.1], np.float32)
    luma, places = resample_to_source(rows.expand(3, 100, 100), view, axes, (low, high))
    assert luma.shape == (1, 10, 30)
    assert torch.allclose(luma[0].diff(dim=0), torch.full((9, 30), 2.0), atol=1e-3)
    assert places[1].mean().item() == pytest.approx(0.0, abs=1e-5)
