"""Frames of any orientation, size and pixel format become upright 4:2:0 pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av import VideoFrame

from heygem_daemon.media.orientation import Orientation
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.pixel_format import (
    PictureConverter,
    colour_tags_of,
    unpadded_plane,
)
from heygem_daemon.media.video_reader import VideoReader

MakeFile = Callable[..., Path]


def corners(width: int, height: int) -> VideoFrame:
    """A frame whose top left quarter is bright and top right quarter half bright."""
    y = np.full((height, width), 20, np.uint8)
    y[: height // 2, : width // 2] = 200
    y[: height // 2, width // 2 :] = 110
    return VideoFrame.from_ndarray(y, format="gray").reformat(
        format="yuv420p", src_color_range=1, dst_color_range=1
    )


@pytest.mark.parametrize(
    ("rotation", "hflip", "expected"),
    [
        (0, False, [[188, 110], [33, 33]]),
        (-90, False, [[33, 188], [33, 110]]),
        (180, False, [[33, 33], [110, 188]]),
        (90, False, [[110, 33], [188, 33]]),
        (0, True, [[110, 188], [33, 33]]),
    ],
)
def test_pictures_of_every_orientation_become_upright(
    tmp_path: Path, rotation: int, hflip: bool, expected: list[list[int]]
) -> None:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(rotation, hflip=hflip)
        container.mux(stream.encode(corners(64, 48)))
        container.mux(stream.encode(None))
    with VideoReader(path) as reader:
        picture = next(reader.read_range())
    height, width = picture.y.shape
    assert (width, height) == ((48, 64) if rotation in (90, -90) else (64, 48))
    assert (reader.info.width, reader.info.height) == (width, height)
    levels = [
        [int(picture.y[row * height // 4, column * width // 4]) for column in (1, 3)]
        for row in (1, 3)
    ]
    assert levels == expected


@pytest.mark.parametrize("size", [(96, 64), (97, 64), (96, 65), (99, 67)])
def test_planes_are_contiguous_copies_with_chroma_rounded_up(size: tuple[int, int]) -> None:
    width, height = size
    frame = corners(width, height)
    picture = PictureConverter(width, height, Orientation(), ColourTags()).convert(frame, 7)
    assert picture.index == 7
    assert picture.y.shape == (height, width)
    assert picture.u.shape == picture.v.shape == ((height + 1) // 2, (width + 1) // 2)
    for plane in (picture.y, picture.u, picture.v):
        assert plane.flags.c_contiguous
        assert plane.flags.owndata
    np.testing.assert_array_equal(picture.y, unpadded_plane(frame, 0))


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mp4", "libx264", "yuv420p10le"),
        ("a.mp4", "libx264", "yuv422p"),
        ("a.mp4", "libx264", "yuv444p"),
        ("a.mkv", "ffv1", "yuv444p16le"),
        ("a.mkv", "ffv1", "bgr0"),
        ("a.mkv", "ffv1", "gray"),
        ("a.mkv", "ffv1", "yuva420p"),
        ("a.mov", "png", "rgb24"),
        ("a.mov", "prores_ks", "yuv422p10le"),
    ],
)
def test_other_pixel_formats_keep_their_levels(
    make_video: MakeFile, numbered: Callable[..., Picture], name: str, codec: str, pix_fmt: str
) -> None:
    path = make_video(name, 3, codec, pix_fmt=pix_fmt)
    with VideoReader(path) as reader:
        for picture in reader.read_range():
            expected = numbered(picture.index).y.astype(int)
            assert np.abs(picture.y.astype(int) - expected)[:, 3::12].max() <= 3
            assert np.abs(picture.u.astype(int) - 128).max() <= 2


def test_full_range_stays_full_range(make_video: MakeFile) -> None:
    path = make_video("a.mov", 2, "mjpeg", pix_fmt="yuvj422p", options={"qmin": "2", "qmax": "2"})
    with VideoReader(path) as reader:
        picture = next(reader.read_range())
    assert reader.info.colour.full_range
    assert picture.colour.full_range
    # 60 of 16-235 is 51 of 0-255.
    assert abs(int(picture.y[30, 90]) - 51) <= 3


def test_pictures_carry_resolved_tags_and_the_info_those_of_the_file(make_video: MakeFile) -> None:
    with VideoReader(make_video("a.mp4", 2)) as reader:
        assert reader.info.colour == ColourTags()
        assert next(reader.read_range()).colour == ColourTags(matrix=6)


def test_rgb_gets_a_matrix_of_its_own() -> None:
    frame = VideoFrame.from_ndarray(np.zeros((1080, 64, 3), np.uint8), format="rgb24")
    assert colour_tags_of(frame) == ColourTags(matrix=1)


def test_the_red_of_an_rgb_picture_is_red() -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 255
    frame = VideoFrame.from_ndarray(red, format="rgb24")
    picture = PictureConverter(64, 64, Orientation(), colour_tags_of(frame)).convert(frame, 0)
    assert [int(p[20, 20]) for p in (picture.y, picture.u, picture.v)] == pytest.approx(
        [81, 90, 240], abs=1
    )


def test_a_picture_of_another_size_is_brought_to_the_size_of_the_video() -> None:
    picture = PictureConverter(96, 64, Orientation(), ColourTags()).convert(corners(48, 32), 0)
    assert (picture.width, picture.height) == (96, 64)
