"""Image files are written and read."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.errors import BadInput
from heygem_daemon.media.image_files import read_image, rgb_from_picture, write_png
from heygem_daemon.media.picture import ColourTags, Picture


def test_a_png_comes_back_in_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    rgb = np.zeros((40, 60, 3), np.uint8)
    rgb[:20], rgb[20:] = (200, 40, 90), (10, 180, 60)
    write_png(path, rgb)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    back = rgb_from_picture(read_image(path)).astype(int)
    assert back.shape == rgb.shape
    assert np.abs(back - rgb)[:18].max() <= 3
    assert np.abs(back - rgb)[22:].max() <= 3


def test_odd_sizes_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_png(path, np.full((33, 47, 3), 128, np.uint8))
    picture = read_image(path)
    assert (picture.width, picture.height) == (47, 33)
    assert rgb_from_picture(picture).shape == (33, 47, 3)


def test_full_range_gray_is_itself() -> None:
    y = np.arange(256, dtype=np.uint8).reshape(16, 16)
    chroma = np.full((8, 8), 128, np.uint8)
    picture = Picture(0, y, chroma, chroma, ColourTags(matrix=1, full_range=True))
    np.testing.assert_array_equal(rgb_from_picture(picture), np.repeat(y[..., None], 3, axis=2))


def test_a_file_that_is_not_an_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"no image at all" * 40)
    with pytest.raises(BadInput):
        read_image(path)


def test_a_picture_with_a_colour_profile_does_not_kill_its_reader() -> None:
    demo = Path(__file__).resolve().parents[2] / "demo" / "astronaut.png"
    code = (
        "import sys, pathlib; from heygem_daemon.media.image_files import read_image; "
        "print(read_image(pathlib.Path(sys.argv[1])).width)"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(demo)], check=False, capture_output=True, text=True
    )
    assert (child.returncode, child.stdout.strip()) == (0, "512"), child.stderr
