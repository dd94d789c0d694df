"""Frames of any orientation, size and pixel format become upright 4:2:0 pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av import VideoFrame

from heygem_daemon.media.deep_converter import DeepFormat
from heygem_daemon.media.orientation import Orientation
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.pixel_format import (
    PictureConverter,
    colour_tags_of,
    unpadded_plane,
)
from heygem_daemon.media.tone_map import SDR, hdr_source
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
def test_planes_have_the_size_of_the_frame_with_chroma_rounded_up(size: tuple[int, int]) -> None:
    width, height = size
    frame = corners(width, height)
    picture = PictureConverter(width, height, Orientation(), ColourTags()).convert(frame, 7)
    assert picture.index == 7
    assert picture.y.shape == (height, width)
    assert picture.u.shape == picture.v.shape == ((height + 1) // 2, (width + 1) // 2)
    np.testing.assert_array_equal(picture.y, unpadded_plane(frame, 0))


def test_planes_that_need_no_change_are_those_of_the_frame_and_cannot_be_written() -> None:
    frame = corners(96, 64)
    picture = PictureConverter(96, 64, Orientation(), ColourTags()).convert(frame, 0)
    for number, plane in enumerate((picture.y, picture.u, picture.v)):
        assert np.shares_memory(plane, unpadded_plane(frame, number))
        with pytest.raises(ValueError, match="read-only"):
            plane[0, 0] = 0


@pytest.mark.parametrize("orientation", [Orientation(mirror_x=True), Orientation(transpose=True)])
def test_turned_planes_are_copies(orientation: Orientation) -> None:
    frame = corners(96, 64)
    picture = PictureConverter(96, 64, orientation, ColourTags()).convert(frame, 0)
    for number, plane in enumerate((picture.y, picture.u, picture.v)):
        assert not np.shares_memory(plane, unpadded_plane(frame, number))


@pytest.mark.parametrize("beside_other_work", [True, False])
def test_pictures_stay_as_they_were_decoded(
    make_video: MakeFile, *, beside_other_work: bool
) -> None:
    path = make_video("a.mp4", 60, "libx264", options={"bf": "3", "refs": "4"})
    with VideoReader(path) as reader:
        pictures = reader.read_indices(range(60), beside_other_work=beside_other_work)
        kept = [(picture, picture.y.copy(), picture.u.copy()) for picture in pictures]
    assert all((each.y == y).all() and (each.u == u).all() for each, y, u in kept)


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


def white_frame(width: int, height: int, pixel_format: str) -> VideoFrame:
    rgb = np.full((height, width, 3), 255, np.uint8)
    return VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p10le"])
def test_a_picture_of_another_shape_is_not_stretched_in_ten_bits(
    pixel_format: str, transpose: bool
) -> None:
    turn = Orientation(transpose=transpose)
    deep = DeepFormat(pixel_format, ColourTags(matrix=1))
    converter = PictureConverter(128, 96, turn, ColourTags(matrix=1), deep=deep)
    picture = converter.convert(white_frame(96, 128, pixel_format), 0)
    planes = picture.deep
    assert planes is not None
    y, u, v = ((plane.T if transpose else plane) for plane in (planes.y, planes.u, planes.v))
    assert y.shape == (96, 128)
    assert {int(value) for value in y[:, 0:28].flat} == {64}
    assert {int(value) for value in y[:, 100:].flat} == {64}
    np.testing.assert_allclose(y[:, 30:98].astype(int), 940, atol=3)
    np.testing.assert_allclose(u.astype(int), 512, atol=2)
    np.testing.assert_allclose(v.astype(int), 512, atol=2)
    shown = picture.y.T if transpose else picture.y
    np.testing.assert_array_equal(shown[:, 50:78] > 200, y[:, 50:78] > 800)


def test_a_picture_of_another_shape_is_not_stretched_where_hdr_becomes_sdr() -> None:
    pq = ColourTags(matrix=9, primaries=9, transfer=16)
    converter = PictureConverter(128, 96, Orientation(), SDR, hdr_source(pq))
    y = converter.convert(white_frame(96, 128, "yuv420p10le"), 0).y
    assert y.shape == (96, 128)
    assert {int(value) for value in y[:, :28].flat} == {16}
    assert y[:, 32:96].min() > 200


def test_a_palette_becomes_ten_bits_with_the_colours_of_eight() -> None:
    red = np.zeros((64, 64), np.uint8)
    palette = np.zeros((256, 4), np.uint8)
    palette[0] = (255, 255, 0, 0)  # alpha, red, green, blue
    image: Any = red, palette  # as PyAV has it for pal8, other than its stub
    frame = VideoFrame.from_ndarray(image, format="pal8")
    tags = colour_tags_of(frame)
    deep = DeepFormat("yuv422p10le", ColourTags(matrix=1))
    picture = PictureConverter(64, 64, Orientation(), tags, deep=deep).convert(frame, 0)
    assert picture.deep is not None
    planes = picture.deep.y, picture.deep.u, picture.deep.v
    # Recommendation ITU-R BT.709: Y' = 0.2126 R', of 876 code values above 64.
    assert [int(plane[20, 20]) for plane in planes] == pytest.approx([250, 409, 960], abs=3)
