"""Every kind of sound and of video as one of a whole job's two files, with a fake engine.

Each job takes the next kind of both. What is published is decoded by PyAV alone.
"""

from fractions import Fraction
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.render.pipeline import render_job
from tests.media.sound_files import TONES, read_channels, tone_decibels
from tests.media.test_published_sound import LEVEL_DB
from tests.media.video_files import is_upright, number_in
from tests.render.conftest import Bench, write_tone
from tests.render.kinds import CUT, SOUNDS, VIDEOS, VideoKind

if TYPE_CHECKING:
    from tests.render.conftest import FakeEngine

pytestmark = pytest.mark.slow

JOBS = list(
    zip(SOUNDS, cycle(VIDEOS), strict=False)
    if len(SOUNDS) > len(VIDEOS)
    else zip(cycle(SOUNDS), VIDEOS, strict=False)
)
AAC_SAMPLES = 1024
"""Samples of a block of AAC, which an encoder fills up."""
NUMBERED_LINES = 16
"""The lines above the mouth, which nothing changes."""
RIGHT_OF_MOUTH = 64
"""The first column that nothing changes."""


def render(engine: "FakeEngine", bench: Bench) -> Path:
    request = bench.request(chunk_seconds=30.0, strip=False)
    rendered = render_job(engine, request, bench.cache, bench.progress.append, lambda: False)
    return Path(rendered.result)


def published_luma(result: Path) -> list[NDArray[np.uint8]]:
    """Return the luma of all pictures, after a check of their times."""
    with av.open(str(result)) as container:
        frames = list(container.decode(video=0))
    times = [float(frame.time or 0) for frame in frames]
    np.testing.assert_allclose(times, np.arange(len(frames)) / 25, atol=1e-4)
    return [frame.to_ndarray()[: frame.height, : frame.width].astype(np.uint8) for frame in frames]


def require_pictures(result: Path, kind: VideoKind, seconds: float) -> None:
    pictures = published_luma(result)
    assert len(pictures) == int(seconds * 25 + 0.5)
    numbers = [number_in(luma[:NUMBERED_LINES]) for luma in pictures]
    first = numbers[0] if kind.is_cut else 0
    shown = [max(n for n in range(frame + 1) if n not in kind.repeats) for frame in range(60)]
    assert numbers == [first + number for number in shown[: len(pictures)]]
    assert first < CUT - 50
    assert kind.has_bar or all(is_upright(luma[:, RIGHT_OF_MOUTH:]) for luma in pictures)
    for frame, luma in enumerate(pictures):
        assert abs(luma[24:40, 28:52].mean() - (16 + frame)) < 3


def require_sound(result: Path, given: NDArray[np.float32], rate: int) -> None:
    made, made_rate = read_channels(result)
    exact = given.shape[1] / rate
    with av.open(str(result)) as container:
        stream = container.streams.audio[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(exact, abs=0.001)
    assert 0 <= made.shape[1] / made_rate - exact + 1e-4 < AAC_SAMPLES / made_rate + 2e-4
    hertz = TONES[: len(given)]
    before, after = tone_decibels(given, rate, hertz), tone_decibels(made, made_rate, hertz)
    np.testing.assert_allclose(np.diag(after), np.diag(before), atol=LEVEL_DB)


@pytest.mark.parametrize(("sound", "video"), JOBS)
def test_every_kind_of_file_is_published_whole(
    engine: "FakeEngine", tmp_path: Path, sound: str, video: str
) -> None:
    kind = VIDEOS[video]
    bench = Bench(tmp_path, SOUNDS[sound](tmp_path), kind.make(tmp_path))
    given, rate = read_channels(bench.audio)
    result = render(engine, bench)
    require_pictures(result, kind, given.shape[1] / rate)
    require_sound(result, given, rate)


def test_there_are_at_least_sixty_kinds() -> None:
    assert len({sound for sound, _ in JOBS} | {video for _, video in JOBS}) >= 60


BARS = 0.75 * np.array(
    [[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]], float
)
"""R'G'B' of the eight colour bars at 75 % (Recommendation ITU-R BT.471)."""
BAR_WIDTH = 48
WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Weights of red and blue in luma, by code point (ISO/IEC 23091-2, table 4)."""
BAR_KINDS = [
    # name, codec, pixel format, matrix, full range, options of the encoder
    ("a.mp4", "libx264", "yuv420p", 6, False, {"qp": "2"}),
    ("b.mp4", "libx264", "yuv420p", 1, False, {"qp": "2"}),
    ("c.mp4", "libx264", "yuv420p", 5, True, {"qp": "2"}),
    ("a.mov", "libx264", "yuv422p", 1, False, {"qp": "2"}),
    ("b.mov", "prores_ks", "yuv422p10le", 1, False, {"profile": "hq"}),
    ("c.mov", "png", "rgb24", 0, True, {}),
    ("a.mkv", "ffv1", "yuv444p", 6, False, {}),
    ("b.mkv", "ffv1", "bgr0", 0, True, {}),
    ("c.mkv", "libx265", "yuv420p10le", 9, False, {"x265-params": "lossless=1:log-level=0"}),
    ("a.avi", "mjpeg", "yuvj422p", 5, True, {"qmin": "1", "qmax": "1"}),
    ("a.mpg", "mpeg2video", "yuv420p", 6, False, {"qmin": "1", "qmax": "1"}),
    ("a.webm", "libvpx-vp9", "yuv420p", 1, False, {"lossless": "1"}),
]


def write_bars(
    path: Path, codec: str, pixel_format: str, matrix: int, full: bool, options: dict[str, str]
) -> Path:
    """Write ten pictures of the bars; what is not RGB is tagged with its matrix and range."""
    shown = np.repeat(np.rint(BARS * 255).astype(np.uint8)[None], BAR_WIDTH, axis=1)
    rgb = np.repeat(shown.reshape(1, -1, 3), 128, axis=0)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = rgb.shape[:2]
        stream.pix_fmt = pixel_format
        if matrix:
            stream.codec_context.colorspace = matrix
            stream.codec_context.color_range = 2 if full else 1
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(
                format=pixel_format,
                dst_colorspace={1: 1, 9: 9}.get(matrix, 5) if matrix else None,
                dst_color_range=2 if full else 1,
            )
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def bars_of(result: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return code values (8, 3), Y, Cb, Cr, of the middle of each bar in a picture, and what they
    are by the picture's tags (Recommendations ITU-R BT.601, BT.709 and BT.2020)."""
    with av.open(str(result)) as container:
        frame = list(container.decode(video=0))[5]
    height, width = frame.height, frame.width
    planes = frame.to_ndarray().astype(float).ravel()
    luma, chroma = planes[: height * width].reshape(height, width), planes[height * width :]
    blue, red = chroma.reshape(2, height // 2, width // 2)
    shown = [middles(luma[-40:-8]), middles(blue[-20:-4]), middles(red[-20:-4])]
    kr, kb = WEIGHTS.get(int(frame.colorspace), WEIGHTS[6])
    y = BARS @ np.array([kr, 1 - kr - kb, kb])
    is_full = int(frame.color_range) == 2
    right = [
        255 * y if is_full else 16 + 219 * y,
        128 + (255 if is_full else 224) * (BARS[:, 2] - y) / (2 * (1 - kb)),
        128 + (255 if is_full else 224) * (BARS[:, 0] - y) / (2 * (1 - kr)),
    ]
    return np.stack(shown, axis=1), np.stack(right, axis=1)


def middles(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean (8,) of the middle half of each bar."""
    bars = plane.reshape(plane.shape[0], len(BARS), -1)
    edge = bars.shape[2] // 4
    return np.asarray(bars[:, :, edge:-edge].mean(axis=(0, 2)))


@pytest.mark.parametrize(("name", "codec", "pixel_format", "matrix", "full", "options"), BAR_KINDS)
def test_colour_bars_are_published_within_two_code_values(
    engine: "FakeEngine",
    tmp_path: Path,
    name: str,
    codec: str,
    pixel_format: str,
    matrix: int,
    full: bool,
    options: dict[str, str],
) -> None:
    video = write_bars(tmp_path / name, codec, pixel_format, matrix, full, options)
    bench = Bench(tmp_path, write_tone(tmp_path / "tone.wav", 0.4), video)
    shown, right = bars_of(render(engine, bench))
    assert np.abs(shown - right).max() < 2, (shown - right).round(1)
