import numpy as np
import torch

from heygem_daemon.engines.base import Box
from heygem_daemon.engines.builtin.warp.mouth_plane import (
    PlaneView,
    crop_view,
    is_empty,
    pixel_centres,
)

AXES = np.array([[40.0, -8], [6, 42]], np.float32)


def test_plane_and_pixels_are_each_others_inverse() -> None:
    view = PlaneView(AXES, np.array([30, 20], np.float32))
    x, y = (
        pixel_centres(slice(3, 9), torch.device("cpu")),
        pixel_centres(slice(0, 4), torch.device("cpu")),
    )
    pixels = view.to_pixels(*view.to_plane(x, y))
    assert torch.allclose(pixels[0], x.expand(4, 6), atol=1e-4)
    assert torch.allclose(pixels[1], y[:, None].expand(4, 6), atol=1e-4)


def test_a_crop_sees_the_plane_from_its_own_corner() -> None:
    view = crop_view(AXES, np.array([130, 80], np.float32), Box(100, 60, 180, 140))
    assert view.origin.tolist() == [30, 20]


def test_a_window_ends_at_the_crops_border() -> None:
    view = PlaneView(np.eye(2, dtype=np.float32) * 10, np.array([5, 5], np.float32))
    corners = np.array([[-1, -0.2], [0.3, 0.2]], np.float32)
    assert view.window(corners, 1, (20, 30)) == (slice(2, 8), slice(0, 9))
    assert is_empty(view.window(corners + 10, 1, (20, 30)))
