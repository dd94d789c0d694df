"""Every kind of sound and video that whole jobs are made of in the tests, written with FFmpeg."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av

from tests.media.sound_files import tones, write_float_wav, write_plain_wav, write_sound
from tests.media.test_containers import CONTAINERS
from tests.media.test_published_sound import CODED, PLAIN
from tests.media.test_video_evidence import OPEN_GOPS
from tests.media.test_video_geometry import (
    INTERLACED,
    MATRICES,
    SIZES,
    matrix_of,
    stored_for,
    write_interlaced,
    write_sizes,
)
from tests.media.video_files import (
    HEIGHT,
    WIDTH,
    copy_packets,
    interlaced_luma,
    numbered_luma,
    write_png_mov,
    write_video,
)

Make = Callable[[Path], Path]

RATE = 48_000
PICTURES = 60
CUT = 100
"""Pictures of a video before its first group is cut away."""


@dataclass(frozen=True, slots=True)
class VideoKind:
    """A kind of video, with pictures that show their numbers."""

    make: Make
    """Writes it into a folder."""
    repeats: frozenset[int] = frozenset()
    """Numbers of pictures that are not there: the one before is shown."""
    is_cut: bool = False
    """Whether it begins with a later picture, and ends with number ``CUT`` - 1."""
    has_bar: bool = False
    """Whether a bright bar moves through the lower half, which is darker otherwise."""


def write_coded(name: str, codec: str, rate: int, layout: str, muxer: str, folder: Path) -> Path:
    samples = tones(av.AudioLayout(layout).nb_channels, rate)
    options = {"format": "wav", "rf64": "always"} if muxer == "rf64" else {"format": muxer}
    return write_sound(folder / name, codec, samples, rate, layout, **options)


def write_plain(channels: int, width: int, rate: int, folder: Path) -> Path:
    return write_plain_wav(folder / "plain.wav", tones(channels, rate), rate, width)


def write_floats(bits: int, folder: Path) -> Path:
    return write_float_wav(folder / "float.wav", tones(2, RATE), RATE, bits)


def write_container(name: str, codec: str, settings: dict[str, Any], folder: Path) -> Path:
    frames = [numbered_luma(number) for number in range(PICTURES)]
    # Where a packet holds many small pictures, FFmpeg's muxer may write the next one's time into
    # it; a group of one picture makes them larger.
    large: dict[str, Any] = {"gop_size": 1} if codec == "mpeg1video" else {}
    return write_video(folder / name, frames, codec, **settings, **large)


def write_fields(
    name: str, codec: str, top_first: bool, options: dict[str, str], folder: Path
) -> Path:
    frames = [interlaced_luma(number, top_first) for number in range(PICTURES)]
    return write_interlaced(folder / name, frames, codec, top_first, options)


def write_turned(matrix: str, name: str, folder: Path) -> Path:
    frames = [stored_for(numbered_luma(number), matrix) for number in range(PICTURES)]
    if name.endswith("png.mov"):
        return write_png_mov(folder / name, frames, matrix_of(matrix))
    return write_video(folder / name, frames, matrix=matrix_of(matrix))


def write_growing(name: str, codec: str, folder: Path) -> Path:
    # x265 writes beyond its buffers for smaller pictures.
    width, height = (2 * WIDTH, 2 * HEIGHT) if codec == "libx265" else (WIDTH, HEIGHT)
    small = [numbered_luma(number, width // 2, height // 2) for number in range(8)]
    large = [numbered_luma(number, width, height) for number in range(8, PICTURES)]
    return write_sizes(folder / name, codec, [small, large])


def write_cut(name: str, codec: str, options: dict[str, str], folder: Path) -> Path:
    frames = [numbered_luma(number) for number in range(CUT)]
    whole = write_video(folder / f"whole-{name}", frames, codec, options=options)
    with av.open(str(whole)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    second = [number for number, packet in enumerate(packets) if packet.is_keyframe][1]
    return copy_packets(whole, folder / name, first=second)


HOLES = frozenset({7, 8, 20, 33})


def write_with_holes(name: str, folder: Path) -> Path:
    present = [number for number in range(PICTURES) if number not in HOLES]
    times = [40 * number for number in present]
    return write_video(folder / name, [numbered_luma(number) for number in present], times=times)


SOUNDS: dict[str, Make] = {
    **{
        f"{name} {codec} {layout}": partial(write_coded, name, codec, rate, layout, muxer)
        for name, codec, rate, layout, _, muxer in CODED
    },
    **{
        f"plain.wav {channels}x{8 * width} bits {rate} Hz": partial(
            write_plain, channels, width, rate
        )
        for channels, width, rate, _ in PLAIN
    },
    **{f"float.wav {bits} bits": partial(write_floats, bits) for bits in (32, 64)},
}
VIDEOS: dict[str, VideoKind] = {
    **{
        f"{name} {codec}": VideoKind(partial(write_container, f"a.{name}", codec, settings))
        for name, codec, settings in CONTAINERS
    },
    **{
        f"{name} {codec} interlaced": VideoKind(
            partial(write_fields, name, codec, top_first, options), has_bar=True
        )
        for name, codec, top_first, options in INTERLACED
    },
    **{f"mp4 {name}": VideoKind(partial(write_turned, name, "a.mp4")) for name in MATRICES},
    "png.mov with a profile turned by 90": VideoKind(
        partial(write_turned, "turned by 90", "png.mov")
    ),
    **{
        f"{name} {codec} that grows": VideoKind(partial(write_growing, name, codec))
        for name, codec in SIZES
    },
    **{
        f"{name} {codec} cut": VideoKind(partial(write_cut, name, codec, options), is_cut=True)
        for name, codec, options in OPEN_GOPS
    },
    **{
        f"{name} with holes": VideoKind(partial(write_with_holes, f"a.{name}"), HOLES)
        for name in ("mp4", "mkv", "ts")
    },
}
