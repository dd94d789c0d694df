"""Pictures are read as players show them: upright, whole, and in one size."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.codec.context import Flags

from heygem_daemon.media.framing import fitted_size
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.shown_pixels import in_shown_pixels, shown_size
from heygem_daemon.media.video_reader import VideoReader
from tests.media.video_files import (
    HEIGHT,
    WIDTH,
    comb,
    copy_packets,
    interlaced_luma,
    is_upright,
    number_in,
    numbered_luma,
    write_png_mov,
    write_video,
)

MATRICES = {
    "upright": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "upside down": (1, 0, 0, -1),
    "turned by 180": (-1, 0, 0, -1),
    "turned by 90": (0, 1, -1, 0),
    "turned by 270": (0, -1, 1, 0),
    "turned by 90 and mirrored": (0, 1, 1, 0),
    "turned by 270 and mirrored": (0, -1, -1, 0),
}
"""a, b, c and d of the matrix: a stored point (x, y) is shown at (a x + c y, b x + d y)."""
FIXED = 1 << 16


def matrix_of(name: str) -> list[int]:
    a, b, c, d = (FIXED * number for number in MATRICES[name])
    return [a, b, 0, c, d, 0, 0, 0, 1 << 30]


def stored_for(luma: "np.ndarray[Any, np.dtype[np.uint8]]", name: str) -> Any:
    """Return the picture that is shown as ``luma`` by the matrix of that name."""
    a, b, c, d = MATRICES[name]
    if a:
        return np.ascontiguousarray(luma[::d, ::a])
    # shown[y', x'] with x' = c y, y' = b x
    return np.ascontiguousarray(luma[::b, ::c].T)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("kind", ["a.mp4", "a.mov", "icc.mov"])
def test_every_display_matrix_is_applied(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / kind
    frames = [stored_for(numbered_luma(number), name) for number in range(5)]
    if kind == "icc.mov":
        path = write_png_mov(path, frames, matrix_of(name))
    else:
        path = write_video(path, frames, matrix=matrix_of(name))
    with VideoReader(path) as reader:
        assert (reader.info.width, reader.info.height) == (WIDTH, HEIGHT)
        pictures = list(reader.read_range())
    assert [number_in(picture.y) for picture in pictures] == list(range(5))
    assert all(is_upright(picture.y) for picture in pictures)


def test_a_matrix_of_nothing_turns_nothing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [numbered_luma(3)] * 2, matrix=[0] * 9)
    with VideoReader(path) as reader:
        assert number_in(next(reader.read_range()).y) == 3


def test_the_matrices_of_the_issue(shared_cases: Path) -> None:
    with VideoReader(shared_cases / "matrix_vflip.mp4") as reader:
        flipped = next(reader.read_range())
    with VideoReader(shared_cases / "face.mp4") as reader:
        upright = next(reader.read_range())
    likeness = np.corrcoef(flipped.y.ravel(), upright.y.ravel())[0, 1]
    assert likeness > np.corrcoef(flipped.y[::-1].ravel(), upright.y.ravel())[0, 1] + 0.3
    with VideoReader(shared_cases / "icc_rotated.mov") as reader:
        assert reader.info.rotation == 180
        assert next(reader.read_range()).y.shape == (300, 400)


INTERLACED = [
    # name, codec, top field first, flags of the encoder, its options
    ("tff.mp4", "libx264", True, {"x264-params": "tff=1:bframes=0:keyint=10"}),
    ("bff.mp4", "libx264", False, {"x264-params": "bff=1:keyint=10"}),
    ("long.ts", "libx264", True, {"x264-params": "tff=1:bframes=2:keyint=12"}),
    ("tff.mov", "prores_ks", True, {}),
    ("tff.mpg", "mpeg2video", True, {"g": "12", "b": "2000000"}),
]


@pytest.mark.parametrize(("name", "codec", "top_first", "options"), INTERLACED)
def test_fields_become_whole_pictures_wherever_reading_begins(
    tmp_path: Path, name: str, codec: str, top_first: bool, options: dict[str, str]
) -> None:
    frames = [interlaced_luma(number, top_first) for number in range(40)]
    path = write_interlaced(tmp_path / name, frames, codec, top_first, options)
    with VideoReader(path) as reader:
        assert reader.info.interlaced
        assert reader.frame_count == 40
        assert reader.info.fps == 25
        whole = list(reader.read_range())
        assert [number_in(picture.y) for picture in whole] == list(range(40))
        assert max(comb(frame) for frame in frames) > 2
        assert max(comb(picture.y) for picture in whole) < 1.5
        for start in (0, 1, 11, 12, 13, 24, 25, 39):
            again = next(reader.read_range(start, start + 1))
            np.testing.assert_array_equal(again.y, whole[start].y)
        back = list(reader.read_indices(range(39, -1, -1)))
    for picture in back:
        np.testing.assert_array_equal(picture.y, whole[picture.index].y)


MIXED = [
    (
        "libx264",
        {"x264-params": "tff=1:bframes=0:keyint=10"},
        {"x264-params": "bframes=0:keyint=10"},
    ),
    ("mpeg2video", {"g": "12", "b": "2000000"}, {"g": "12", "b": "2000000"}),
]


@pytest.mark.parametrize(("codec", "options", "plain_options"), MIXED)
@pytest.mark.parametrize("first_reading", [0, 25, 30, 31])
def test_fields_after_whole_pictures_become_whole_pictures(
    tmp_path: Path,
    codec: str,
    options: dict[str, str],
    plain_options: dict[str, str],
    first_reading: int,
) -> None:
    """A broadcast begins with a title, or goes on from a film to a studio."""
    plain = [numbered_luma(number) for number in range(20)]
    fields = [interlaced_luma(number) for number in range(20, 40)]
    write_video(tmp_path / "1.ts", plain, codec, options=plain_options)
    later = write_interlaced(tmp_path / "2.ts", fields, codec, True, options)
    copy_packets(later, tmp_path / "3.ts", shift=20 * 3600)
    path = tmp_path / "mixed.ts"
    path.write_bytes((tmp_path / "1.ts").read_bytes() + (tmp_path / "3.ts").read_bytes())
    with VideoReader(path) as reader:
        assert reader.frame_count == 40
        before = reader.info
        early = next(reader.read_range(first_reading, first_reading + 1))
        whole = list(reader.read_range())
        assert (before.interlaced, reader.info.interlaced) == (False, True)
        back = list(reader.read_indices(range(39, -1, -1)))
    assert [number_in(picture.y) for picture in whole] == list(range(40))
    assert max(comb(frame) for frame in fields) > 2
    assert max(comb(picture.y) for picture in whole[20:]) < 1.5
    for picture in [early, *back]:
        np.testing.assert_array_equal(picture.y, whole[picture.index].y)


def write_interlaced(
    path: Path, frames: list[Any], codec: str, top_first: bool, options: dict[str, str]
) -> Path:
    flags = Flags.interlaced_dct | Flags.interlaced_me
    prores = codec == "prores_ks"
    return write_video(
        path,
        frames,
        codec,
        pix_fmt="yuv422p10le" if prores else "yuv420p",
        options=options,
        flags=int(flags),
        field_order=2 if top_first else 3,
    )


def test_the_interlaced_file_of_the_issue(shared_cases: Path) -> None:
    with VideoReader(shared_cases / "interlaced.mp4") as reader:
        assert reader.info.interlaced
        assert reader.frame_count == 25
        assert reader.info.fps == 25
        made = [picture.y for picture in reader.read_range()]
    with av.open(str(shared_cases / "interlaced.mp4")) as container:
        stored = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert np.mean([line_noise(y) for y in made]) < 0.75 * np.mean([line_noise(y) for y in stored])


def line_noise(luma: Any) -> float:
    """Return the mean difference of each line from the mean of its neighbours."""
    rows = luma.astype(np.float64)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


def test_progressive_pictures_are_not_filtered(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [numbered_luma(n) for n in range(10)])
    with VideoReader(path) as reader:
        assert not reader.info.interlaced
        read = next(reader.read_range(5, 6))
    with av.open(str(path)) as container:
        decoded = list(container.decode(video=0))[5].to_ndarray()[:HEIGHT]
    np.testing.assert_array_equal(read.y, decoded)


SIZES = [
    ("a.ts", "libx264"),
    ("a.h264", "libx264"),
    ("a.ts", "libx265"),
    ("a.webm", "libvpx"),
    ("a.mkv", "libvpx-vp9"),
]


@pytest.mark.parametrize(("name", "codec"), SIZES)
@pytest.mark.parametrize("order", ["starts small", "ends small", "starts upright"])
def test_a_video_that_changes_size_has_the_size_of_most_of_it(
    tmp_path: Path, name: str, codec: str, order: str
) -> None:
    # x265 writes beyond its buffers for smaller pictures.
    width, height = (2 * WIDTH, 2 * HEIGHT) if codec == "libx265" else (WIDTH, HEIGHT)
    small = (width // 2, height // 2 if "small" in order else height * 3 // 2)
    is_first = order != "ends small"
    part = [numbered_luma(n, *small) for n in (range(8) if is_first else range(32, 40))]
    most = [numbered_luma(n, width, height) for n in (range(8, 40) if is_first else range(32))]
    path = write_sizes(tmp_path / name, codec, [part, most] if is_first else [most, part])
    with VideoReader(path) as reader:
        assert (reader.info.width, reader.info.height) == (width, height)
        assert reader.frame_count == 40
        pictures = list(reader.read_range())
    assert {picture.y.shape for picture in pictures} == {(height, width)}
    middle = slice(width // 3, 2 * width // 3) if order == "starts upright" else slice(None)
    shown = [picture.y[:, middle] if picture.index < 8 else picture.y for picture in pictures]
    assert [number_in(np.ascontiguousarray(luma)) for luma in shown] == list(range(40))
    if order == "starts upright":
        assert pictures[0].y[:, : width // 3 - 2].max() <= 20


def write_sizes(path: Path, codec: str, parts: list[list[Any]]) -> Path:
    """Write parts of different sizes into one stream, as conference programs do."""
    files = []
    speed = {"cpu-used": "8", "deadline": "realtime", "lag-in-frames": "0"}
    options = speed if "vpx" in codec else {"bf": "0"}
    for number, frames in enumerate(parts):
        part = path.with_name(f"part{number}{path.suffix}")
        files.append(write_video(part, frames, codec, options=options))
    if path.suffix == ".h264":
        path.write_bytes(b"".join(file.read_bytes() for file in files))
        return path
    with av.open(str(path), "w") as writer:
        out: Any = None
        at = 0
        for file, frames in zip(files, parts, strict=True):
            with av.open(str(file)) as reader:
                stream = reader.streams.video[0]
                out = out or writer.add_stream_from_template(stream, opaque=True)
                base = stream.time_base
                assert base is not None
                first: int | None = None
                for packet in reader.demux(stream):
                    if packet.size:
                        assert packet.pts is not None
                        first = packet.pts if first is None else first
                        packet.pts += round(Fraction(at, 25) / base) - first
                        packet.dts = packet.pts
                        packet.stream = out
                        writer.mux(packet)
            at += len(frames)
    return path


def test_another_shape_fits_inside() -> None:
    assert fitted_size((640, 480), (1280, 960)) == (1280, 960)
    assert fitted_size((641, 480), (1280, 960)) == (1280, 960)
    assert fitted_size((720, 1280), (1280, 720)) == (404, 720)
    assert fitted_size((1280, 720), (720, 1280)) == (720, 404)


@pytest.mark.parametrize(
    ("size", "aspect", "shown"),
    [
        ((1440, 1080), Fraction(4, 3), (1920, 1080)),
        ((720, 576), Fraction(16, 15), (768, 576)),
        ((720, 480), Fraction(8, 9), (720, 540)),
        ((640, 480), Fraction(1), (640, 480)),
        ((640, 480), Fraction(853, 854), (640, 480)),
        ((640, 480), Fraction(1, 1000), (640, 480)),
        ((640, 480), Fraction(0), (640, 480)),
    ],
)
def test_the_shown_size_loses_nothing(
    size: tuple[int, int], aspect: Fraction, shown: tuple[int, int]
) -> None:
    assert shown_size(*size, aspect) == shown
    width, height = size
    half = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    luma = numbered_luma(5, width, height)
    with_pixels = next(in_shown_pixels([Picture(5, luma, half, half, ())], aspect))  # type: ignore[arg-type]
    assert with_pixels.y.shape == shown[::-1]
    assert number_in(with_pixels.y) == 5


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(8, 9), Fraction(16, 11)])
def test_the_pixels_shape_is_read(tmp_path: Path, name: str, aspect: Fraction) -> None:
    path = write_video(
        tmp_path / name, [numbered_luma(n) for n in range(5)], sample_aspect_ratio=aspect
    )
    with VideoReader(path) as reader:
        assert abs(reader.info.sample_aspect - aspect) < Fraction(1, 50)
