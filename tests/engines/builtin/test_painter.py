import numpy as np
import pytest

from heygem_daemon.engines.builtin.painter import (
    LIP_LINE,
    LIP_LINE_PIXELS,
    LIP_SHADOW,
    lip_line_shape,
)
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView


def view(scale: float) -> PlaneView:
    return PlaneView(np.eye(2, dtype=np.float32) * scale, np.zeros(2, np.float32))


def test_the_line_between_the_lips_of_a_large_face_is_as_thin_as_it_is() -> None:
    assert lip_line_shape(view(300)) == (LIP_LINE, LIP_SHADOW)


def test_a_line_that_must_be_wider_is_as_much_paler() -> None:
    width, depth = lip_line_shape(view(60))
    assert width == pytest.approx(LIP_LINE_PIXELS / 60)
    assert width * depth == pytest.approx(LIP_LINE * LIP_SHADOW)
