from pathlib import Path

import numpy as np
import pytest
import torch

from heygem_daemon.engines.builtin.interior.borrowed_interior import (
    LEAST_SOFT_PIXELS,
    SOFTEST,
    BorrowedInterior,
    borrow_interior,
    measure_softness,
    paint_floor,
    paint_interior,
)
from heygem_daemon.engines.builtin.interior.mouth_interior import MouthOpening
from heygem_daemon.engines.builtin.interior.shipped_interior import (
    FLOOR_SIZE,
    TEETH_SIZE,
    ShippedInterior,
    load_interior,
)
from heygem_daemon.engines.builtin.interior.teeth_placement import TeethPlace
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView
from heygem_daemon.errors import WeightsUnavailable

SIDE = 101
PLACE = TeethPlace(middle=0.0, edge=0.0, scale=1.0)
SKIN = (140.0, 115.0, 150.0)
MIDDLE = slice(40, 61)


@pytest.fixture(scope="module")
def borrowed(interior: ShippedInterior) -> BorrowedInterior:
    return borrow_interior(interior, torch.device("cpu"))


def opening(top: float, bottom: float, skin: tuple[float, float, float] = SKIN) -> MouthOpening:
    """Return an opening 0.5 IOD wide between two heights of the plane."""
    x = torch.linspace(-0.25, 0.25, SIDE).expand(SIDE, SIDE)
    y = torch.linspace(top, bottom, SIDE)[:, None].expand(SIDE, SIDE)
    return MouthOpening(
        window=(slice(0, SIDE), slice(0, SIDE)),
        x=x,
        y=y,
        along=2 * x + 0.5,
        width=0.5,
        depth=y - top,
        gap=torch.full_like(x, bottom - top),
        skin=torch.tensor(skin),
        black=16.0,
        usual_sharpness=float("inf"),
    )


def edge_of_teeth(luma: torch.Tensor, top: float, bottom: float) -> float:
    """Return the y of the strongest fall of light down the middle of the mouth."""
    falls = luma[:, MIDDLE].mean(dim=1).diff()
    return top + (bottom - top) * int(falls.argmin()) / (SIDE - 1)


@pytest.mark.parametrize(("top", "bottom"), [(-0.06, 0.1), (-0.03, 0.14), (-0.045, 0.06)])
def test_teeth_stay_with_the_skull_whatever_the_lips_do(
    borrowed: BorrowedInterior, top: float, bottom: float
) -> None:
    painted = paint_interior(borrowed, opening(top, bottom), PLACE, 0.01)
    assert edge_of_teeth(painted[0], top, bottom) == pytest.approx(-0.003, abs=0.012)


def test_the_floor_moves_with_the_lower_lip(borrowed: BorrowedInterior) -> None:
    low, high = (paint_floor(borrowed, opening(-0.1, bottom))[0] for bottom in (0.1, 0.06))
    assert torch.allclose(low[-1], high[-1], atol=0.5)
    assert low[-10, MIDDLE].mean() > low[5, MIDDLE].mean()


def test_teeth_are_brighter_and_less_red_than_what_is_behind_them(
    borrowed: BorrowedInterior,
) -> None:
    y, _, v = paint_interior(borrowed, opening(-0.06, 0.1), PLACE, 0.01)[:, :, MIDDLE].mean(dim=2)
    teeth, dark = 30, 50
    assert y[teeth] > 1.5 * y[dark]
    assert v[teeth] < v[dark]


def test_the_inside_is_lit_like_the_face(borrowed: BorrowedInterior) -> None:
    bright, dim = (
        paint_interior(borrowed, opening(-0.06, 0.1, (luma, 115, 150)), PLACE, 0.01)[0]
        for luma in (166.0, 116.0)
    )
    assert torch.allclose(bright - 16, 1.5 * (dim - 16), rtol=0.01, atol=0.1)


def test_pale_skin_makes_no_blue_teeth(borrowed: BorrowedInterior) -> None:
    warm, pale = (
        paint_interior(borrowed, opening(-0.06, 0.1, (140, blue, 150)), PLACE, 0.01)[1, 30, MIDDLE]
        for blue in (100.0, 130.0)
    )
    own = borrowed.teeth[1, 30, 60:80].mean()
    assert pale.mean() - own < 7
    assert warm.mean() < own - 5


def test_a_soft_face_gets_soft_teeth(borrowed: BorrowedInterior) -> None:
    sharp, soft = (
        paint_interior(borrowed, opening(-0.06, 0.1), PLACE, softness)[0, :, MIDDLE]
        for softness in (0.006, 0.03)
    )
    assert sharp.diff(dim=0).abs().max() > 1.5 * soft.diff(dim=0).abs().max()


@pytest.mark.parametrize("sigma", [2.0, 3.0])
def test_softness_follows_the_edges_of_the_lips(sigma: float) -> None:
    x = torch.arange(200.0) - 100
    edge = 100 + 80 * torch.erf(x / sigma / 2**0.5)
    crop = edge.expand(3, 200, 200).clone()
    view = PlaneView(np.eye(2, dtype=np.float32) * 100, np.full(2, 100, np.float32))
    assert measure_softness(crop, view) == pytest.approx(0.7 * sigma / 100, rel=0.15)


def test_softness_has_bounds() -> None:
    view = PlaneView(np.eye(2, dtype=np.float32) * 100, np.full(2, 100, np.float32))
    flat = torch.full((3, 200, 200), 90.0)
    noisy = torch.rand((3, 200, 200), generator=torch.Generator().manual_seed(1)) * 200
    slope = torch.linspace(0, 255, 200).expand(3, 200, 200) + 0.01 * noisy
    assert measure_softness(flat, view) == LEAST_SOFT_PIXELS / 100
    assert measure_softness(noisy, view) == LEAST_SOFT_PIXELS / 100
    assert measure_softness(slope, view) <= SOFTEST


def test_a_mouth_outside_the_crop_has_a_softness() -> None:
    view = PlaneView(np.eye(2, dtype=np.float32) * 100, np.full(2, -500, np.float32))
    assert measure_softness(torch.zeros(3, 50, 50), view) == LEAST_SOFT_PIXELS / 100


def test_the_shipped_interior_has_the_sizes_that_are_told(interior: ShippedInterior) -> None:
    assert interior.teeth.shape == (4, *TEETH_SIZE)
    assert interior.floor.shape == (3, *FLOOR_SIZE)


def test_a_missing_interior_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="mouth_interior"):
        load_interior(tmp_path)
