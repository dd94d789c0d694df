"""Videos in the containers that people have: every picture is read, in order and at its time."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from heygem_daemon.media.picture import Picture
from heygem_daemon.media.probe import require_both_ends
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.spool.formats import MOVING_EXTENSIONS

MakeFile = Callable[..., Path]
NumberOf = Callable[[Picture], int]

FRAMES = 60
CONTAINERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("mp4", "libx264", {}),
    ("mov", "prores_ks", {"pix_fmt": "yuv422p10le"}),
    ("m4v", "libx264", {}),
    ("mkv", "ffv1", {}),
    ("webm", "libvpx-vp9", {}),
    ("avi", "mpeg4", {}),
    ("3gp", "libx264", {"profile": "Baseline"}),
    ("3g2", "mpeg4", {}),
    ("mpg", "mpeg1video", {}),
    ("mpeg", "mpeg2video", {"max_b_frames": 2}),
    ("vob", "mpeg2video", {"max_b_frames": 2}),
    ("m2v", "mpeg2video", {}),
    ("ts", "libx264", {}),
    ("mts", "libx264", {"format": "mpegts"}),
    ("m2ts", "mpeg2video", {}),
    ("wmv", "wmv2", {}),
    ("asf", "msmpeg4", {}),
    ("flv", "flv1", {}),
    ("f4v", "libx264", {}),
    ("mxf", "mpeg2video", {"max_b_frames": 2}),
    ("y4m", "rawvideo", {"format": "yuv4mpegpipe"}),
)


def check_pictures(path: Path, number_of: NumberOf) -> None:
    require_both_ends(path)
    with VideoReader(path) as reader:
        assert reader.info.fps == 25
        assert reader.frame_count == FRAMES
        assert np.allclose(reader.timestamps, np.arange(FRAMES) / 25, atol=0.002)
        assert [number_of(picture) for picture in reader.read_range()] == list(range(FRAMES))
        backwards = range(FRAMES - 1, -1, -7)
        assert [number_of(picture) for picture in reader.read_indices(backwards)] == [*backwards]
        assert reader.damaged_count == 0


@pytest.mark.parametrize(("extension", "codec", "settings"), CONTAINERS)
def test_every_picture_is_read(
    extension: str, codec: str, settings: dict[str, Any], make_video: MakeFile, number_of: NumberOf
) -> None:
    assert f".{extension}" in MOVING_EXTENSIONS
    path = make_video(f"clip.{extension}", FRAMES, codec, **settings)
    check_pictures(path, number_of)


@pytest.mark.parametrize("shift", [0, 20 * 3600, 95_442])
def test_a_transport_stream_that_was_cut_from_a_broadcast(
    shift: int, make_video: MakeFile, number_of: NumberOf, tmp_path: Path
) -> None:
    """Its times begin at hours, not at zero, and beyond the 33 bits of the format they wrap."""
    source = make_video("clip.mp4", FRAMES, "libx264", options={"x264-params": "keyint=12"})
    path = tmp_path / "clip.ts"
    with av.open(str(source)) as reader, av.open(str(path), "w") as writer:
        stream = reader.streams.video[0]
        out = writer.add_stream_from_template(stream)
        for packet in reader.demux(stream):
            if packet.size and packet.time_base and packet.pts is not None:
                offset = round(shift / packet.time_base)
                packet.pts, packet.dts = packet.pts + offset, (packet.dts or 0) + offset
                packet.stream = out
                writer.mux(packet)
    with VideoReader(path) as reader_of_cut:
        assert reader_of_cut.info.start != 0
    check_pictures(path, number_of)


def test_a_camcorders_dv(make_video: MakeFile) -> None:
    path = make_video("clip.dv", FRAMES, "dvvideo", size=(720, 576), pix_fmt="yuv420p")
    require_both_ends(path)
    with VideoReader(path) as reader:
        assert reader.frame_count == FRAMES
        assert np.allclose(reader.timestamps, np.arange(FRAMES) / 25)


def test_theora_in_ogg(make_video: MakeFile, number_of: NumberOf, tmp_path: Path) -> None:
    """PyAV's FFmpeg has no encoder for it; the system's has."""
    if (ffmpeg := shutil.which("ffmpeg")) is None:
        pytest.skip("the program ffmpeg, which encodes Theora, is not installed")
    source = make_video("clip.mp4", FRAMES)
    path = tmp_path / "clip.ogv"
    command = [
        ffmpeg,
        "-v",
        "error",
        "-i",
        str(source),
        "-c:v",
        "libtheora",
        "-q:v",
        "9",
        str(path),
    ]
    subprocess.run(command, check=True)
    check_pictures(path, number_of)
