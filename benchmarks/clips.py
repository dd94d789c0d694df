"""Clips of any size and length, made from a short one: for benchmarks of jobs.

A clip is 10 s of the source, forward and then backward so that it has no cut, cropped to 16:9 (9:16
if it is upright) and scaled; its repeats are joined without encoding them again.
"""

import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import torch
import torch.nn.functional as F

from heygem_daemon.media.mux import mux_segments
from heygem_daemon.media.picture import Picture, Plane
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader

DEMO = Path(__file__).resolve().parent.parent / "demo"
LINES = 1080
"""Lines of ``enlarged_clip``."""
UNIT_SECONDS = 10
"""Length of the part that is repeated."""
ASPECT = Fraction(16, 9)


def looped_sound(source: Path, target: Path, seconds: float, skip: float = 0.0) -> Path:
    """Write ``seconds`` of the wav file ``source``, repeated, from its second ``skip`` on; return
    ``target``."""
    with wave.open(str(source)) as given, wave.open(str(target), "wb") as longer:
        longer.setparams(given.getparams())
        once = given.readframes(given.getnframes())
        width = given.getsampwidth() * given.getnchannels()
        begin = round(skip * given.getframerate()) * width % len(once)
        once = once[begin:] + once[:begin]
        size = round(seconds * given.getframerate()) * width
        longer.writeframes((once * (size // len(once) + 1))[:size])
    return target


def looped_clip(
    source: Path,
    sound: Path,
    target: Path,
    lines: int,
    seconds: int,
    fps: Fraction | None = None,
) -> Path:
    """Write a clip of ``seconds``, a multiple of ``UNIT_SECONDS``, whose shorter side has ``lines``
    pixels, with the wav file ``sound`` of that length; return ``target``.

    ``fps``: pictures a second of the clip, faster or slower than in the source; None: as there.
    """
    unit = target.with_suffix(".unit.mp4")
    repeats = seconds // UNIT_SECONDS
    with VideoReader(source) as reader:
        info = reader.info
        fps = fps or info.fps
        width, height = output_size(info.width, info.height, lines)
        half = min(round(UNIT_SECONDS * fps) // 2, reader.frame_count)
        order = [*range(half), *reversed(range(half))]
        with SegmentWriter(unit, width, height, fps, info.colour) as writer:
            for picture in reader.read_indices(order):
                writer.write(resized(picture, width, height))
        frames = repeats * len(order)
        mux_segments([unit] * repeats, sound, target, fps, frames, frames / fps)
    unit.unlink()
    return target


def enlarged_clip(source: Path, target: Path, seconds: float) -> Path:
    """Write the first ``seconds`` of ``source``, scaled up to 1080 lines; return ``target``."""
    with VideoReader(source) as reader:
        info = reader.info
        width = round(info.width * LINES / info.height / 2) * 2
        with SegmentWriter(target, width, LINES, info.fps, info.colour) as writer:
            for picture in reader.read_range(0, min(reader.frame_count, round(seconds * info.fps))):
                writer.write(resized(picture, width, LINES))
    return target


def output_size(width: int, height: int, lines: int) -> tuple[int, int]:
    """Return even width and height of a 16:9 picture, upright like the given one."""
    longer = round(lines * ASPECT / 2) * 2
    return (longer, lines) if width >= height else (lines, longer)


def resized(picture: Picture, width: int, height: int) -> Picture:
    """Return the middle of ``picture`` in the shape of ``width`` x ``height``, at that size."""
    return replace(
        picture,
        y=scaled(picture.y, height, width),
        u=scaled(picture.u, height // 2, width // 2),
        v=scaled(picture.v, height // 2, width // 2),
    )


def scaled(plane: Plane, height: int, width: int) -> Plane:
    """Return the largest part in the middle of ``plane`` that has this shape, bicubic."""
    rows = min(plane.shape[0], round(plane.shape[1] * height / width))
    columns = min(plane.shape[1], round(plane.shape[0] * width / height))
    top, left = (plane.shape[0] - rows) // 2, (plane.shape[1] - columns) // 2
    part = torch.from_numpy(plane[top : top + rows, left : left + columns].copy())
    larger = F.interpolate(part[None, None], (height, width), mode="bicubic")
    return larger[0, 0].numpy()
