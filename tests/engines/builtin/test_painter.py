import numpy as np
import pytest
import torch

from heygem_daemon.engines.builtin.interior.borrowed_interior import (
    CAST_SHADE,
    borrow_interior,
    paint_floor,
)
from heygem_daemon.engines.builtin.interior.mouth_interior import STRETCH_LIMIT
from heygem_daemon.engines.builtin.interior.shipped_interior import ShippedInterior
from heygem_daemon.engines.builtin.painter import (
    LIP_LINE,
    LIP_LINE_PIXELS,
    LIP_SHADOW,
    lip_line_shape,
    paint_donor,
)
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView
from tests.engines.builtin.interior.test_mouth_interior import donor_mouth, opening


def view(scale: float) -> PlaneView:
    return PlaneView(np.eye(2, dtype=np.float32) * scale, np.zeros(2, np.float32))


def test_the_line_between_the_lips_of_a_large_face_is_as_thin_as_it_is() -> None:
    assert lip_line_shape(view(300)) == (LIP_LINE, LIP_SHADOW)


def test_a_line_that_must_be_wider_is_as_much_paler() -> None:
    width, depth = lip_line_shape(view(60))
    assert width == pytest.approx(LIP_LINE_PIXELS / 60)
    assert width * depth == pytest.approx(LIP_LINE * LIP_SHADOW)


def test_the_floor_below_the_teeth_of_a_smile_that_opens_lies_in_their_shadow(
    interior: ShippedInterior,
) -> None:
    borrowed, filmed, target = borrow_interior(interior, torch.device("cpu")), 0.1, opening(0.4)
    drawn = paint_donor(donor_mouth(filmed), target, borrowed)[0, :, 100] - 16
    lit = paint_floor(borrowed, target)[0, :, 100] - 16
    depth = target.depth[:, 100]
    end = filmed * STRETCH_LIMIT
    directly_below = (depth > end) & (depth < end + 0.01)
    far_below = (depth > end + 0.1) & (depth < 0.38)
    assert (drawn / lit)[directly_below].max() < 1 - 0.9 * CAST_SHADE
    assert torch.allclose(drawn[far_below], lit[far_below], atol=0.1)
