"""Files that are longer, larger or hungrier than allowed are refused, with a reason."""

import os
import subprocess
import sys
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from heygem_daemon.config.media_limits import MediaLimits
from heygem_daemon.errors import BadInput, TooLarge
from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.probe import probe_audio, probe_video, require_both_ends
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform

MakeFile = Callable[..., Path]
MINUTES = 1 / 60
"""A limit of one second."""


@dataclass
class Counter:
    """A guard that counts its steps."""

    limits: MediaLimits = field(default_factory=MediaLimits)
    steps: int = 0

    def step(self) -> None:
        self.steps += 1

    @property
    def guard(self) -> MediaGuard:
        return MediaGuard(self.limits, self.step)


def write_wav(path: Path, rate: int, samples: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * samples))
    return path


def test_a_sound_of_a_sample_a_second_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    counter = Counter()
    path = write_wav(tmp_path / "a.wav", 1, 50_000)
    assert path.stat().st_size < 101_000
    with pytest.raises(BadInput, match="1 samples a second") as refused:
        probe_audio(path, counter.guard)
    assert refused.value.remedy
    assert counter.steps == 0


def test_a_sparse_file_of_100_gigabytes_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    counter = Counter()
    path = write_wav(tmp_path / "a.wav", 16_000, 100)
    head = bytearray(path.read_bytes()[:44])
    head[4:8] = head[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(head)
    os.truncate(path, 100_000_000_000)
    with pytest.raises(TooLarge, match=r"hours or more; the limit is 180 minutes"):
        probe_audio(path, counter.guard)
    assert counter.steps == 0


def test_a_day_of_silence_is_refused_by_its_header(make_sound: MakeFile) -> None:
    path = make_sound("a.flac", "flac", samples=np.zeros((1, 16_000), np.float32))
    set_flac_length(path, 24 * 3600 * 16_000)
    counter = Counter()
    with pytest.raises(TooLarge, match=r"a\.flac lasts 24\.0 hours or more"):
        probe_audio(path, counter.guard)
    assert counter.steps == 0


@pytest.mark.parametrize(("name", "codec"), [("a.flac", "flac"), ("a.mp3", "libmp3lame")])
def test_a_sound_whose_header_is_silent_is_refused_while_it_is_decoded(
    make_sound: MakeFile, name: str, codec: str
) -> None:
    path = make_sound(name, codec, 4.0)
    if codec == "flac":
        set_flac_length(path, 0)
    packets = count_packets(path)
    for read in (probe_audio, read_all):
        counter = Counter(MediaLimits(minutes=MINUTES))
        with pytest.raises(TooLarge, match="or more"):
            read(path, counter.guard)
        assert 0 < counter.steps < packets / 2


def read_all(path: Path, guard: MediaGuard) -> None:
    for _ in read_waveform(path, guard=guard):
        pass


def count_packets(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux() if packet.size)


def set_flac_length(path: Path, samples: int) -> None:
    """Write another number of samples into the header (STREAMINFO, 36 bits)."""
    content = bytearray(path.read_bytes())
    packed = int.from_bytes(content[18:26], "big") >> 36 << 36 | samples
    content[18:26] = packed.to_bytes(8, "big")
    path.write_bytes(content)


def many_pictures(path: Path, count: int, rate: int) -> Path:
    """Write a video of ``count`` pictures in a few bytes each."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        grey = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p")
        packets: list[bytes] = []
        for number in range(3):
            grey.pts, grey.time_base = number, Fraction(1, rate)
            packets += [bytes(packet) for packet in stream.encode(grey)]
        packets += [bytes(packet) for packet in stream.encode(None)]
        for number in range(count):
            packet = av.Packet(packets[min(number, len(packets) - 1)])
            packet.stream, packet.time_base = stream, Fraction(1, rate)
            packet.pts = packet.dts = number
            packet.is_keyframe = number == 0
            container.mux(packet)
    return path


@pytest.mark.slow
def test_a_small_video_of_200_000_pictures_is_refused(tmp_path: Path) -> None:
    path = many_pictures(tmp_path / "a.mkv", 200_000, 1000)
    assert path.stat().st_size < 8_000_000
    with pytest.raises(TooLarge, match=r"shows 200,000 pictures in 200\.0 seconds"):
        VideoReader(path, guard=MediaGuard(MediaLimits()))
    with pytest.raises(TooLarge, match="holds 100,001 pictures or more"):
        VideoReader(path, guard=MediaGuard(MediaLimits(pictures=100_000)))
    with pytest.raises(TooLarge, match="thousand million pixels in all"):
        VideoReader(path, guard=MediaGuard(MediaLimits(gigapixels=0.1)))


def test_pictures_are_counted_in_the_header_and_in_the_file(make_video: MakeFile) -> None:
    known, unknown = make_video("a.mp4", 50), make_video("a.mkv", 50)
    slow = make_video("a.avi", 50, "mpeg4")
    for path, steps in ((known, 0), (unknown, 30), (slow, 30)):
        counter = Counter(MediaLimits(pictures=20))
        with pytest.raises(TooLarge, match="the limit is 20"):
            VideoReader(path, guard=counter.guard)
        assert counter.steps <= steps


def test_a_long_video_is_refused(make_video: MakeFile) -> None:
    path = make_video("a.mkv", 50)
    with pytest.raises(TooLarge, match="lasts"):
        VideoReader(path, guard=MediaGuard(MediaLimits(minutes=MINUTES)))
    timed = make_video("b.mkv", 3, times=[0, 40, 3_600_000])
    with pytest.raises(TooLarge, match="60 minutes or more"):
        VideoReader(timed, guard=MediaGuard(MediaLimits(minutes=10)))


def test_a_picture_of_67_megapixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mjpeg", rate=25)
        stream.width = stream.height = 8192
        stream.pix_fmt = "yuvj444p"
        container.mux(stream.encode(av.VideoFrame(8192, 8192, "yuvj444p")))
        container.mux(stream.encode(None))
    counter = Counter()
    for probe in (probe_video, require_both_ends):
        with pytest.raises(TooLarge, match=r"8192x8192 pixels, 67 megapixels") as refused:
            probe(path, counter.guard)
        assert "max_megapixels" in refused.value.remedy
    assert counter.steps == 0


def test_pictures_that_grow_later_are_not_decoded(make_video: MakeFile, tmp_path: Path) -> None:
    small = make_video("small.ts", 30)
    large = make_video("large.ts", 30, size=(960, 640))
    path = tmp_path / "both.ts"
    path.write_bytes(small.read_bytes() + large.read_bytes())
    with VideoReader(path) as reader:
        assert reader.frame_count == 60
    with VideoReader(path, guard=MediaGuard(MediaLimits(megapixels=0.1))) as reader:
        assert 0 < reader.frame_count <= 30


@pytest.mark.parametrize("read", ["probe_video", "require_both_ends"])
def test_a_file_that_takes_too_much_memory_is_refused(make_video: MakeFile, read: str) -> None:
    path = make_video("a.mkv", 3, "mjpeg", size=(3840, 2160), pix_fmt="yuvj444p")
    code = (
        "import sys; from pathlib import Path\n"
        f"from heygem_daemon.media.probe import {read}\n"
        "from heygem_daemon.system.memory_limit import limit_data\n"
        "from heygem_daemon.errors import TooLarge\n"
        "path = Path(sys.argv[1]); limit_data(12 << 20)\n"
        f"try: {read}(path)\n"
        "except TooLarge as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    reason = "Reading a.mkv takes more memory than a worker may use."
    assert (done.stdout.strip(), done.returncode) == (reason, 0), done.stderr


def test_the_probe_of_a_file_beyond_the_limits_does_not_wait(make_sound: MakeFile) -> None:
    path = make_sound("a.wav", seconds=4)
    limits = MediaLimits(minutes=MINUTES).to_json()
    command = [sys.executable, "-m", "heygem_daemon.media.probe", "--limits", limits]
    done = subprocess.run(
        [*command, str(path), "audio"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("a.wav lasts 0 minutes or more")


def test_a_result_is_limited_too() -> None:
    guard = MediaGuard(MediaLimits(pictures=100, gigapixels=1.0))
    guard.require_result(100, 1_000_000)
    with pytest.raises(TooLarge, match="The result would have 101 pictures"):
        guard.require_result(101, 1)
    with pytest.raises(TooLarge, match="2 thousand million pixels in all; the limit is 1"):
        guard.require_result(100, 20_000_000)


def test_what_is_within_the_limits_is_read(make_video: MakeFile, make_sound: MakeFile) -> None:
    guard = MediaGuard(MediaLimits())
    assert require_both_ends(make_video("a.mp4", 30), guard).frames == 30
    assert probe_audio(make_sound("a.wav"), guard).duration == 1
