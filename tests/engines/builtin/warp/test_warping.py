import numpy as np
import torch

from heygem_daemon.engines.builtin.warp.field import COLUMNS, LINE_SAMPLES, ROWS, WarpFields
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView
from heygem_daemon.engines.builtin.warp.warping import warp

SIDE = 120
VIEW = PlaneView(np.eye(2, dtype=np.float32) * 50, np.array([60, 40], np.float32))


def shifted(x: float, y: float) -> WarpFields:
    """Return fields whose middle takes its pixels from (x, y) IOD further; the rest stays."""
    field = np.zeros((1, 2, ROWS, COLUMNS), np.float32)
    field[0, 0, 20:40, 20:45], field[0, 1, 20:40, 20:45] = x, y
    lines = np.zeros((1, 2, LINE_SAMPLES), np.float32)
    return WarpFields(field, field, lines, np.array([[[-0.3, 0], [0.3, 0]]], np.float32))


def picture() -> torch.Tensor:
    x = torch.arange(SIDE, dtype=torch.float32)
    luma = 100 + x[None] + 0.5 * x[:, None]
    return torch.stack([luma, 0.5 * luma, 0.25 * luma])


def test_pixels_move_by_the_field() -> None:
    warped = warp(picture(), VIEW, shifted(0.1, -0.04), 0)
    # 0.1 IOD to the right are 5 pixels, 0.04 up are 2: 5 · 1 - 2 · 0.5 brighter.
    assert torch.allclose(warped[:, 45, 60] - picture()[:, 45, 60], torch.tensor([4.0, 2, 1]))


def test_pixels_that_do_not_move_are_exact() -> None:
    noise = torch.rand(3, SIDE, SIDE) * 255
    warped = warp(noise, VIEW, shifted(0.1, 0.1), 0)
    for rim in (np.s_[:, :8], np.s_[:, -8:], np.s_[:, :, :10], np.s_[:, :, -10:]):
        assert torch.equal(warped[rim], noise[rim])
    assert not torch.equal(warped, noise)


def test_no_movement_changes_nothing() -> None:
    noise = torch.rand(3, SIDE, SIDE) * 255
    assert torch.equal(warp(noise, VIEW, shifted(0, 0), 0), noise)


def test_lips_that_meet_show_nothing_of_the_teeth_between_them() -> None:
    teeth = torch.full((3, SIDE, SIDE), 100.0)
    teeth[:, 34:46] = 200
    still = shifted(0, 0)
    half = np.zeros_like(still.upper)
    half[0, 1, :, 20:45] = 0.16
    warped = warp(teeth, VIEW, WarpFields(-half, half, still.inner_lip_lines, still.corners), 0)
    assert torch.allclose(warped[:, 30:50, 55:65], torch.tensor(100.0))
