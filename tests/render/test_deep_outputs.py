"""Results of 10 bits: the source's own samples, and the mouth drawn so that it matches."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from av import VideoFrame
from numpy.typing import NDArray

from heygem_daemon.media.colour import LUMA_WEIGHTS
from heygem_daemon.media.deep_converter import unpadded_deep_plane
from heygem_daemon.media.image_files import rgb_from_picture
from heygem_daemon.media.info import choose_video_stream
from heygem_daemon.media.light_metadata import light_metadata_of
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.source import open_media
from heygem_daemon.media.video_reader import VideoReader
from tests.media.test_tone_map import CODE_POINTS, TRANSFERS, hdr_frame, write_hdr
from tests.render.test_outputs import picture_stream, run

if TYPE_CHECKING:
    from tests.render.conftest import FakeEngine, MakeBench

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 256, 64
INSIDE = np.s_[24:40, 28:52]
"""Well inside the box that the fake engine paints."""
BELOW = np.s_[52:, 2:-2]
"""Well outside."""


def frames_of(path: Path) -> Iterator[VideoFrame]:
    with open_media(path) as container:
        yield from container.decode(choose_video_stream(container, path))


def luma_of(frame: VideoFrame) -> NDArray[np.int64]:
    return unpadded_deep_plane(frame, 0).astype(np.int64)


def write_deep(path: Path, pixel_format: str, full_range: bool) -> Path:
    """Write ten pictures of a ramp over all levels of 10 bits, lossless."""
    black, white = (0, 1023) if full_range else (64, 940)
    with av.open(str(path), "w") as container:
        options = {"x265-params": "log-level=error:lossless=1"}
        stream = container.add_stream("libx265", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1
        context.color_range = 2 if full_range else 1
        for number in range(10):
            frame = VideoFrame(WIDTH, HEIGHT, pixel_format)
            for plane in range(3):
                unpadded_deep_plane(frame, plane)[:] = 512
            ramp = np.linspace(black, white, WIDTH)[None] + np.arange(HEIGHT)[:, None] % 3
            unpadded_deep_plane(frame, 0)[:] = np.clip(np.rint(ramp), black, white)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(
    ("codec", "pixel_format", "published"),
    [
        ("hevc", "yuv420p10le", "yuv420p10le"),
        ("prores", "yuv420p10le", "yuv422p10le"),
        ("prores", "yuv422p10le", "yuv422p10le"),
    ],
)
def test_ten_bits_stay_ten_bits_with_their_levels(
    engine: "FakeEngine",
    make_bench: "MakeBench",
    codec: str,
    pixel_format: str,
    published: str,
    full_range: bool,
) -> None:
    bench = make_bench(1.0, 10)
    write_deep(bench.video, pixel_format, full_range)
    given = {"codec": codec, "crf": 2} if codec == "hevc" else {"codec": codec}
    result, report = run(engine, bench, **given)
    assert report["output"]["pixel_format"] == published
    assert picture_stream(result)[3] == published
    (source, *_) = frames_of(bench.video)
    expected = luma_of(source).astype(float)
    keeps_range = codec == "hevc" or not full_range
    if not keeps_range:
        expected = 64 + expected * 876 / 1023
    frames = list(frames_of(result))
    assert len(frames) == 25
    for number, frame in enumerate(frames):
        assert frame.color_range == (2 if full_range and codec == "hevc" else 1)
        luma = luma_of(frame)
        assert abs(luma - expected)[BELOW].mean() < 1.0
        assert abs(luma - expected)[BELOW].max() < 6
        # More levels than 8 bits have.
        assert len(np.unique(luma[BELOW])) > 235
        painted = float(16 + number)
        if full_range:
            painted = painted * 1023 / 255 if keeps_range else 64 + painted * 876 / 255
        else:
            painted *= 4
        assert abs(luma[INSIDE].mean() - painted) < 4


def test_ten_bits_become_eight_with_their_levels(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(1.0, 10)
    write_deep(bench.video, "yuv420p10le", full_range=False)
    (source, *_) = frames_of(bench.video)
    result, report = run(engine, bench, crf=1)
    assert report["output"]["pixel_format"] == "yuv420p"
    with VideoReader(result) as reader:
        (picture,) = reader.read_indices([3])
    expected = luma_of(source)[BELOW].mean(axis=0) / 4
    assert abs(picture.y[BELOW].mean(axis=0) - expected).max() < 1


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize(
    ("codec", "published"),
    [(None, "yuv420p10le"), ("hevc", "yuv420p10le"), ("prores", "yuv422p10le")],
)
def test_hdr_is_kept_with_its_tags_and_a_mouth_that_matches(
    engine: "FakeEngine",
    make_bench: "MakeBench",
    transfer: str,
    codec: str | None,
    published: str,
) -> None:
    bench = make_bench(1.0, 10)
    write_hdr(bench.video, transfer, 600, pictures=10)
    given = {"codec": codec} if codec else {}
    if codec != "prores":
        given["crf"] = "2"
    result, report = run(engine, bench, hdr="keep", **given)
    assert report["output"]["hdr"].startswith(f"kept: {transfer.upper()}")
    assert picture_stream(result)[3] == published
    expected = luma_of(
        hdr_frame(np.broadcast_to(np.linspace(0, 1, 256)[None, :, None], (64, 256, 3)))
    )
    frames = list(frames_of(result))
    assert len(frames) == 25
    for frame in frames:
        tags = int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace)
        assert tags == (9, CODE_POINTS[transfer], 9)
        assert abs(luma_of(frame) - expected)[BELOW].mean() < 1.5
    if codec != "prores":
        metadata = light_metadata_of(frames[0])
        assert metadata.content == (600, 200)
        assert metadata.mastering is not None
        assert metadata.mastering[-1][0] / metadata.mastering[-1][1] == 1000
    # In the SDR picture that is made of the result, the mouth is what the engine drew.
    with VideoReader(result) as reader:
        assert reader.info.hdr is not None
        for picture in reader.read_range():
            assert abs(picture.y[INSIDE].astype(int).mean() - (16 + picture.index)) < 2.5


BARS = 0.75 * np.array(
    [[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]], float
)
"""R'G'B' of the eight colour bars at 75 % (Recommendation ITU-R BT.471)."""


def write_bars(path: Path, colour: ColourTags) -> Path:
    """Write five pictures of colour bars in 10 bits, lossless."""
    kr, kb = LUMA_WEIGHTS[colour.matrix]
    luma = BARS @ np.array([kr, 1 - kr - kb, kb])
    blue, red = (BARS[:, 2] - luma) / (2 * (1 - kb)), (BARS[:, 0] - luma) / (2 * (1 - kr))
    full = colour.full_range
    codes = (
        luma * (1023 if full else 876) + (0 if full else 64),
        *(chroma * (1023 if full else 896) + 512 for chroma in (blue, red)),
    )
    with av.open(str(path), "w") as container:
        options = {"x265-params": "log-level=error:lossless=1"}
        stream = container.add_stream("libx265", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries = colour.matrix, colour.primaries
        context.color_trc, context.color_range = colour.transfer, 2 if full else 1
        for number in range(5):
            frame = VideoFrame(WIDTH, HEIGHT, "yuv420p10le")
            for plane, values in enumerate(codes):
                target = unpadded_deep_plane(frame, plane)
                target[:] = np.rint(np.repeat(values, target.shape[1] // 8))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("codec", ["h264", "hevc", "prores"])
@pytest.mark.parametrize(
    "colour",
    [ColourTags(1, 1, 1), ColourTags(6, 6, 6, full_range=True), ColourTags(9, 9, 14)],
)
def test_colour_bars_are_right_within_two_code_values(
    engine: "FakeEngine", make_bench: "MakeBench", codec: str, colour: ColourTags
) -> None:
    bench = make_bench(0.4, 10)
    write_bars(bench.video, colour)
    given: dict[str, object] = {"codec": codec}
    result, _ = run(engine, bench, **(given | ({"crf": 1} if codec != "prores" else {})))
    with VideoReader(result) as reader:
        assert reader.info.colour.matrix == colour.matrix
        assert reader.info.colour.full_range == (colour.full_range and codec != "prores")
        (picture,) = reader.read_indices([5])
    rgb = rgb_from_picture(picture)[58:62].mean(axis=0)
    for number, bar in enumerate(BARS):
        shown = rgb[number * 32 + 8 : number * 32 + 24].mean(axis=0)
        assert abs(shown - bar * 255).max() < 2
