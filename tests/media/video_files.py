"""Make videos of every kind whose pictures show their numbers."""

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

Luma = NDArray[np.uint8]

WIDTH, HEIGHT = 96, 64
BITS = 8
DARK, BRIGHT = 60, 180


def numbered_luma(number: int, width: int = WIDTH, height: int = HEIGHT) -> Luma:
    """Return (height, width) code values: the bits of ``number`` as stripes, the lowest at left.

    The lower half is darker, so that turns and mirrors show.
    """
    y = np.zeros((height, width), dtype=np.uint8)
    for bit in range(BITS):
        level = BRIGHT if number >> bit & 1 else DARK
        y[:, bit * width // BITS : (bit + 1) * width // BITS] = level
    y[height // 2 :] -= 20
    return y


def number_in(luma: Luma) -> int:
    """Return the number that a picture shows, also after lossy coding and scaling."""
    height, width = luma.shape
    middles = [(2 * bit + 1) * width // (2 * BITS) for bit in range(BITS)]
    upper = luma[height // 8 : height // 2 - height // 8]
    levels = [float(upper[:, middle - 1 : middle + 2].mean()) for middle in middles]
    return sum(1 << bit for bit, level in enumerate(levels) if level > (DARK + BRIGHT) / 2)


def is_upright(luma: Luma) -> bool:
    """Whether the darker half is below."""
    height = luma.shape[0]
    upper, lower = luma[height // 8 : height * 3 // 8], luma[height * 5 // 8 : height * 7 // 8]
    return float(upper.mean()) > float(lower.mean()) + 10


def frame_of(luma: Luma, pix_fmt: str = "yuv420p") -> VideoFrame:
    """Return a grey frame."""
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(luma), format="gray")
    return frame.reformat(format=pix_fmt, src_color_range=1, dst_color_range=1)


def write_video(
    path: Path,
    frames: Iterable[Luma],
    codec: str = "libx264",
    rate: Fraction = Fraction(25),
    times: Sequence[int] | None = None,
    **settings: Any,
) -> Path:
    """Encode ``frames`` (H, W). ``times``: in milliseconds, else a constant ``rate``.

    ``settings``: ``options`` of the encoder; ``matrix``, a display matrix of 9 numbers; ``edit``, a
    function that returns what is written of each packet; ``format``, the muxer. All others are set
    in the encoder's context.
    """
    options, matrix = settings.pop("options", {}), settings.pop("matrix", None)
    edit: Callable[[Any], Any] = settings.pop("edit", lambda packet: packet)
    pix_fmt = settings.pop("pix_fmt", "yuv420p")
    pictures = list(frames)
    with av.open(str(path), "w", format=settings.pop("format", None)) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = pix_fmt
        unit = 1 / rate if times is None else Fraction(1, 1000)
        stream.codec_context.time_base = unit
        for name, value in settings.items():
            setattr(stream.codec_context, name, value)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        for number, luma in enumerate(pictures):
            frame = frame_of(luma, pix_fmt)
            frame.pts = number if times is None else times[number]
            frame.time_base = unit
            for packet in stream.encode(frame):
                container.mux(edit(packet))
        for packet in stream.encode(None):
            container.mux(edit(packet))
    return path


def copy_packets(source: Path, target: Path, first: int = 0, shift: int = 0) -> Path:
    """Copy the video packets from number ``first`` on, with times that are ``shift`` later."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = reader.streams.video[0]
        out = writer.add_stream_from_template(stream, opaque=True)
        packets = (packet for packet in reader.demux(stream) if packet.size)
        for number, packet in enumerate(packets):
            if number >= first:
                if packet.pts is not None:
                    packet.pts += shift
                if packet.dts is not None:
                    packet.dts += shift
                packet.stream = out
                writer.mux(packet)
    return target


def interlaced_luma(number: int, top_first: bool = True) -> Luma:
    """Return a numbered picture with a bar in it that moves between its two fields."""
    luma = numbered_luma(number)
    for field in (0, 1):
        later = field if top_first else 1 - field
        left = 8 + (6 * number + 3 * later) % 64
        luma[field + HEIGHT // 2 :: 2, left : left + 16] = 230
    return luma


def comb(luma: Luma) -> float:
    """Return how much neighbouring lines differ, against lines two apart: above 2 it is combed."""
    rows = luma[HEIGHT // 2 :].astype(np.float64)
    near = np.abs(np.diff(rows, axis=0)).mean()
    return float(near / (np.abs(rows[2:] - rows[:-2]).mean() + 0.5))


def write_png_mov(path: Path, frames: Sequence[Luma], matrix: Sequence[int] | None) -> Path:
    """Write PNG pictures with an ICC profile, which FFmpeg gives a name, into a MOV."""
    profile = _icc_chunk()

    def insert(packet: Any) -> Any:
        content = bytes(packet)
        # Behind the signature of 8 bytes and the header of 25.
        longer: Any = av.Packet(content[:33] + profile + content[33:])
        for name in ("pts", "dts", "time_base", "stream", "is_keyframe"):
            setattr(longer, name, getattr(packet, name))
        return longer

    return write_video(path, frames, "png", pix_fmt="rgb24", matrix=matrix, edit=insert)


def _icc_chunk() -> bytes:
    header = bytearray(128)
    header[8:12], header[12:24], header[36:40] = b"\4\x30\0\0", b"mntrRGB XYZ ", b"acsp"
    profile = struct.pack(">I", 132) + bytes(header[4:]) + struct.pack(">I", 0)
    content = b"iCCP" + b"a name\0\0" + zlib.compress(profile)
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
