"""Make tiny media files: pictures that show their number, and sounds with known samples."""

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray

from heygem_daemon.media.picture import ColourTags, Picture

BITS = 8


def _numbered(number: int, width: int = 96, height: int = 64) -> Picture:
    """Return a picture that shows the bits of ``number`` as bright and dark stripes."""
    y = np.zeros((height, width), dtype=np.uint8)
    for bit in range(BITS):
        y[:, bit * width // BITS : (bit + 1) * width // BITS] = 180 if number >> bit & 1 else 60
    chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, dtype=np.uint8)
    return Picture(number, y, chroma, chroma.copy(), ColourTags())


def _number_of(picture: Picture) -> int:
    width = picture.width
    middles = [(2 * bit + 1) * width // (2 * BITS) for bit in range(BITS)]
    levels = [float(picture.y[:, middle - 1 : middle + 2].mean()) for middle in middles]
    return sum(1 << bit for bit, level in enumerate(levels) if level > 120)


def _frame_of(picture: Picture) -> VideoFrame:
    height, width = picture.y.shape
    flat = [plane.reshape(-1) for plane in (picture.y, picture.u, picture.v)]
    stacked = np.concatenate(flat).reshape(-1, width) if width % 2 == 0 else None
    if stacked is not None and height % 2 == 0:
        return VideoFrame.from_ndarray(stacked, format="yuv420p")
    gray = VideoFrame.from_ndarray(picture.y, format="gray")
    return gray.reformat(format="yuv420p", src_color_range=1, dst_color_range=1)


@pytest.fixture
def numbered() -> Callable[..., Picture]:
    """``numbered(number, width, height)``: a picture that shows its number."""
    return _numbered


@pytest.fixture
def number_of() -> Callable[[Picture], int]:
    """``number_of(picture)``: the number that a picture shows, also after lossy coding."""
    return _number_of


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """``make_video(name, ...)``: numbered pictures 0 … ``frames`` - 1 in a file of that name.

    ``times``: presentation times in milliseconds (else a constant ``rate``). ``rotation``:
    degrees counter-clockwise; other settings go to the encoder's context.
    """

    def make(
        name: str,
        frames: int = 50,
        codec: str = "libx264",
        *,
        size: tuple[int, int] = (96, 64),
        rate: Fraction = Fraction(25),
        pix_fmt: str = "yuv420p",
        times: list[int] | None = None,
        **stream_settings: Any,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", stream_settings.pop("format", None)) as container:
            stream: Any = container.add_stream(
                codec, rate=rate, options=stream_settings.pop("options", {})
            )
            stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
            unit = 1 / rate if times is None else Fraction(1, 1000)
            stream.codec_context.time_base = unit
            if "rotation" in stream_settings:
                stream.set_display_rotation(stream_settings.pop("rotation"))
            for key, value in stream_settings.items():
                setattr(stream.codec_context, key, value)
            for number in range(frames):
                frame = _frame_of(_numbered(number, *size)).reformat(format=pix_fmt)
                frame.pts = number if times is None else times[number]
                frame.time_base = unit
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def make_sound(tmp_path: Path) -> Callable[..., Path]:
    """``make_sound(name, ...)``: ``samples`` (channels, n), or a chirp, encoded into a file."""

    def make(
        name: str,
        codec: str = "pcm_s16le",
        seconds: float = 1.0,
        rate: int = 16_000,
        layout: str = "mono",
        samples: NDArray[np.float32] | None = None,
    ) -> Path:
        path = tmp_path / name
        channels = av.AudioLayout(layout).nb_channels
        if samples is None:
            time = np.arange(round(seconds * rate), dtype=np.float32) / rate
            chirp = 0.5 * np.sin(2 * np.pi * (200 + 300 * time) * time)
            samples = np.repeat(chirp[None].astype(np.float32), channels, axis=0)
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(codec, rate=rate, layout=layout)
            for start in range(0, samples.shape[1], 1024):
                piece = np.ascontiguousarray(samples[:, start : start + 1024])
                frame = AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
                frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def spoil() -> Callable[[Path, Path, set[int]], Path]:
    """``spoil(source, target, numbers)``: a copy in which those packets are zeros."""

    def copy(source: Path, target: Path, numbers: set[int]) -> Path:
        with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
            stream = reader.streams[0]
            out = writer.add_stream_from_template(stream, opaque=True)
            packets = (packet for packet in reader.demux(stream) if packet.size)
            for number, packet in enumerate(packets):
                if number in numbers:
                    packet.update(bytes(packet.size))
                packet.stream = out
                writer.mux(packet)
        return target

    return copy


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """The folder of test clips beside the checkout; skips the test where there is none."""
    folder = Path(__file__).resolve().parents[2] / ".." / "shared" / "media"
    if not folder.is_dir():
        pytest.skip("no folder shared/media beside the checkout")
    return folder


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """The folder of inputs that real people have, beside the checkout; skips without it."""
    folder = Path(__file__).resolve().parents[2] / ".." / "shared" / "cases"
    if not folder.is_dir():
        pytest.skip("no folder shared/cases beside the checkout")
    return folder


@contextmanager
def _disk_of(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def disk_of() -> Callable[[int], AbstractContextManager[None]]:
    """``with disk_of(size)``: as if no file could grow beyond ``size`` bytes."""
    return _disk_of
