"""Attacks with media: tiny real files of 13 containers, damaged in many ways."""

import random
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tests.fuzz.ground import Ground
from tests.media.tiny_files import encode_tone, encode_video

VIDEOS = {
    "mp4": ("mp4", "libx264"),
    "mov": ("mov", "mpeg4"),
    "mkv": ("matroska", "libx264"),
    "webm": ("webm", "libvpx"),
    "avi": ("avi", "mjpeg"),
    "ts": ("mpegts", "mpeg2video"),
    "flv": ("flv", "flv"),
    "mpg": ("mpeg", "mpeg1video"),
}
"""Format and codec of the videos, by container."""

SOUNDS = {
    "wav": ("wav", "pcm_s16le"),
    "mp3": ("mp3", "libmp3lame"),
    "flac": ("flac", "flac"),
    "ogg": ("ogg", "libopus"),
    "m4a": ("ipod", "aac"),
}
"""Format and codec of the sounds, by container."""

SUPPORTED = ("mp4", "mov", "mkv", "webm", "avi")
"""The containers whose extension the daemon takes for a video. Others are dropped as .mp4."""

FRAMES, WIDTH, HEIGHT = 12, 64, 48
EXTREMES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 0x10000)
HEADER_BYTES = 600

Mutation = Callable[[random.Random, bytearray], bytes]


def attack(ground: Ground, chance: random.Random, numbers: range) -> None:
    """Drop a pair for each of ``numbers``: one file damaged, or both."""
    seeds = clips()
    for number in numbers:
        sound, video = chance.choice(list(SOUNDS)), chance.choice(list(VIDEOS))
        audio, pictures = seeds[sound], seeds[video]
        target = chance.choice(("audio", "video", "video", "both"))
        if target != "video":
            audio = damaged(chance, audio, seeds)
        if target != "audio":
            pictures = damaged(chance, pictures, seeds)
        stem = f"inbox/media-{number}"
        extension = video if video in SUPPORTED else "mp4"
        ground.put(f"{stem}.{sound}", audio)
        ground.put(f"{stem}.{extension}", pictures)
        ground.jobs.append(f"{stem}.{sound}")
        if target == "audio":
            ground.mark_ready(f"{stem}.{extension}".encode())
        elif target == "video":
            ground.mark_ready(f"{stem}.{sound}".encode())


@lru_cache(maxsize=1)
def clips() -> Mapping[str, bytes]:
    """Return a good file of each container."""
    videos = {name: encode_video(*coding, _noise()) for name, coding in VIDEOS.items()}
    return videos | {name: encode_tone(*coding, seconds=0.5) for name, coding in SOUNDS.items()}


def damaged(chance: random.Random, data: bytes, seeds: Mapping[str, bytes]) -> bytes:
    """Return ``data`` with one to three kinds of damage."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        mutation = chance.choice((_flip_bits, _flip_bits, _truncate, _splice, _lie, _lie, _zero))
        data = mutation(chance, bytearray(data))
        if chance.random() < 0.1:
            other = chance.choice(list(seeds.values()))
            data = data[: chance.randint(0, len(data))] + other[chance.randint(0, len(other)) :]
    return data


def _flip_bits(chance: random.Random, data: bytearray) -> bytes:
    for _ in range(chance.choice((1, 4, 30, 300))):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _truncate(chance: random.Random, data: bytearray) -> bytes:
    start = chance.choice((0, 0, 0, chance.randint(0, len(data))))
    return bytes(data[start : chance.randint(start, len(data))])


def _splice(chance: random.Random, data: bytearray) -> bytes:
    """Move, repeat or delete a part."""
    start = chance.randint(0, len(data))
    part = data[start : start + chance.choice((4, 100, 2_000))]
    if chance.random() < 0.5:
        del data[start : start + len(part)]
    at = chance.randint(0, len(data))
    data[at:at] = part * chance.choice((0, 1, 1, 50))
    return bytes(data)


def _lie(chance: random.Random, data: bytearray) -> bytes:
    """Write extreme numbers into the header, or into the last bytes, where MP4 has its index."""
    for _ in range(chance.choice((1, 2, 10))):
        size = chance.choice((2, 4, 4, 8))
        number = chance.choice(EXTREMES) & ((1 << 8 * size) - 1)
        near = chance.randrange(max(1, min(HEADER_BYTES, len(data))))
        at = chance.choice((near, max(0, len(data) - near)))
        data[at : at + size] = number.to_bytes(size, chance.choice(("little", "big")))
    return bytes(data)


def _zero(chance: random.Random, data: bytearray) -> bytes:
    start = chance.randint(0, len(data))
    length = min(chance.choice((16, 512, 4_096)), len(data) - start)
    data[start : start + length] = bytes(length)
    return bytes(data)


def _noise() -> Iterator[NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    for _ in range(FRAMES):
        yield rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
