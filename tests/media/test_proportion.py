"""A file that is far larger than what its header announces is refused before it is read."""

import os
import re
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.config.media_limits import MediaLimits
from heygem_daemon.errors import TooLarge
from heygem_daemon.media.bounded_file import BoundedFile
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.probe import probe_audio, read_content, require_both_ends
from heygem_daemon.media.proportion import (
    SPARE_BYTES,
    require_sound_proportion,
    require_video_proportion,
)
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.render import inputs
from heygem_daemon.system.units import GIB

MakeFile = Callable[..., Path]
GUARD = MediaGuard(MediaLimits())
SPARSE_BYTES = 1 << 43
"""8 TiB, of which the disk holds a few blocks."""


def grow(path: Path, size: int = SPARSE_BYTES) -> Path:
    try:
        os.truncate(path, size)
    except OSError:
        pytest.skip("the file system holds no file of this size")
    return path


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("name", "codec", "reason"),
    [
        ("a.flac", "flac", "its header announces 1.0 seconds"),
        ("a.m4a", "aac", "its header announces 1.0 seconds"),
    ],
)
def test_a_sparse_sound_is_refused_at_once(
    make_sound: MakeFile, name: str, codec: str, reason: str
) -> None:
    path = grow(make_sound(name, codec))
    began = time.process_time()
    read_content(path)
    with pytest.raises(TooLarge, match=reason) as refused:
        probe_audio(path, GUARD)
    assert time.process_time() - began < 5
    assert f"{name} has 8,192.0 GiB, but {reason}: that takes at most 1." in str(refused.value)


def test_a_sparse_sound_whose_header_announces_all_of_it_is_refused(tmp_path: Path) -> None:
    """64 channels of 768 kHz in double precision: hours of it are terabytes of zeros."""
    path, channels, rate, seconds = tmp_path / "a.wav", 64, 768_000, 10_000
    frame = channels * 8
    size = frame * rate * seconds
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, size + 80, size, rate * seconds, 0)
    format_ = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, channels, rate, rate * frame, frame, 64)
    head = b"RF64\xff\xff\xff\xffWAVE" + sizes + format_ + b"data\xff\xff\xff\xff"
    path.write_bytes(head)
    grow(path, len(head) + size)
    with pytest.raises(
        TooLarge, match=r"a\.wav has 3,66\d\.\d GiB, but its header announces 10000"
    ):
        probe_audio(path, GUARD)


def spoil(path: Path, what: str) -> Path:
    """Cut off what ends the search for the header of a file, or put something before it."""
    content = path.read_bytes()
    if what == "without its index":
        path.write_bytes(content[: content.index(b"idx1")])
    elif what == "with zeros after other bytes":
        path.write_bytes(content + b"abc " * 50_000)
    elif what == "with zeros after chunks":
        path.write_bytes(content + b"LIST\x04\0\0\0abcdJUNK\x64\0\0\0" + b"1" * 100)
    return grow(path)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a.wav", "whole"),
        ("a.wav", "with zeros after other bytes"),
        ("a.wav", "with zeros after chunks"),
        ("a.avi", "without its index"),
        ("a.mpg", "whole"),
    ],
)
def test_the_search_for_a_header_ends(
    make_video: MakeFile, make_sound: MakeFile, name: str, what: str
) -> None:
    is_sound = name == "a.wav"
    path = spoil(make_sound(name) if is_sound else make_video(name, 25, "mpeg2video"), what)
    expected = re.escape(f"{name} has 8,192.0 GiB, but no complete header was found in the 512 MiB")
    with pytest.raises(TooLarge, match=expected):
        read_content(path)
    with pytest.raises(TooLarge, match=expected):
        (probe_audio if is_sound else require_both_ends)(path, GUARD)


def test_what_follows_the_header_is_read_without_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(300))
    with path.open("rb", buffering=0) as file:
        bounded = BoundedFile(file, max_bytes=100)
        assert bounded.read(100) == bytes(100)
        bounded.lift()
        assert bounded.read(300) == bytes(200)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_sparse_video_is_refused_at_once(make_video: MakeFile, name: str) -> None:
    path = grow(make_video(name, 25))
    with pytest.raises(TooLarge, match=r"has 8,192.0 GiB, but its header announces 1\.0 seconds"):
        require_both_ends(path, GUARD)


def test_what_is_measured_limits_the_size_too(make_video: MakeFile, make_sound: MakeFile) -> None:
    video, sound = make_video("a.mp4", 25), make_sound("a.flac", "flac")
    require_video_proportion(video, 1.0, 25, 96 * 64, GUARD)
    require_sound_proportion(sound, 1.0, GUARD)
    for path in (video, sound):
        grow(path, 2 * GIB)
    with pytest.raises(TooLarge, match=r"a\.mp4 has 2\.0 GiB, but it holds 25 pictures in 1\.0 se"):
        require_video_proportion(video, 1.0, 25, 96 * 64, GUARD)
    with pytest.raises(TooLarge, match=r"a\.flac has 2\.0 GiB, but it holds 1\.0 seconds of sound"):
        require_sound_proportion(sound, 1.0, GUARD)
    require_video_proportion(video, 1.0, 25, 96 * 64, NO_LIMITS)


def test_a_header_that_announces_large_pictures_does_not_allow_holes(make_video: MakeFile) -> None:
    path = grow(make_video("a.mp4", 3), 4 * GIB)
    with pytest.raises(TooLarge, match="it holds 3 pictures"):
        require_video_proportion(path, 1.0, 3, 8192 * 4320 * 100, GUARD)


def test_attachments_covers_and_reserved_room_are_allowed(
    make_video: MakeFile, make_sound: MakeFile
) -> None:
    sound = grow(make_sound("a.flac", "flac"), SPARE_BYTES)
    video = grow(make_video("a.mp4", 25), SPARE_BYTES)
    require_sound_proportion(sound, 1.0, GUARD)
    assert require_both_ends(video, GUARD).frames == 25


@pytest.mark.parametrize("codec", ["rawvideo", "prores_ks"])
def test_uncompressed_videos_are_in_proportion(
    make_video: MakeFile, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heygem_daemon.media.proportion.SPARE_BYTES", 1 << 16)
    pix_fmt = "yuv422p10le" if codec == "prores_ks" else "yuv444p"
    path = make_video("a.mov", 25, codec, pix_fmt=pix_fmt)
    assert require_both_ends(path, GUARD).frames == 25
    require_video_proportion(path, 1.0, 25, 96 * 64, GUARD)


def test_a_job_is_refused_before_its_files_are_hashed(
    make_video: MakeFile, make_sound: MakeFile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hashed: list[Path] = []

    def checksum(path: Path, _step: object) -> str:
        hashed.append(path)
        return "0"

    monkeypatch.setattr(inputs, "checksum", checksum)
    sound = make_sound("a.flac", "flac")
    large = Path(shutil.copy(make_video("a.mp4", 25), tmp_path / "large.mp4"))
    with VideoReader(large, guard=GUARD) as reader:
        grow(large)
        with pytest.raises(TooLarge, match=r"large\.mp4 has 8,192"):
            inputs.probe_inputs(sound, reader)
    assert hashed == []
