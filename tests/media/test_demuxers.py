"""Each container that may be opened is one that people drop, and is needed to open theirs."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.errors import BadInput
from heygem_daemon.media import source
from heygem_daemon.media.source import DEMUXERS, open_media
from tests.media.tiny_files import encode_tone, encode_video

SOUNDS = {
    "wav": ("wav", "pcm_s16le"),
    "w64": ("w64", "pcm_s16le"),
    "aiff": ("aiff", "pcm_s16be"),
    "caf": ("caf", "pcm_s16be"),
    "au": ("au", "pcm_s16be"),
    "flac": ("flac", "flac"),
    "ogg": ("ogg", "libopus"),
    "mp3": ("mp3", "libmp3lame"),
    "aac": ("adts", "aac"),
    "ac3": ("ac3", "ac3"),
    "eac3": ("eac3", "eac3"),
}
"""FFmpeg's muxer and encoder for each demuxer of sounds."""
VIDEOS = {
    "mov": ("mp4", "libx264"),
    "matroska": ("webm", "libvpx"),
    "avi": ("avi", "mjpeg"),
    "mpeg": ("mpeg", "mpeg1video"),
    "mpegvideo": ("mpeg1video", "mpeg1video"),
    "mpegts": ("mpegts", "mpeg2video"),
    "asf": ("asf", "wmv2"),
    "flv": ("flv", "flv"),
    "mxf": ("mxf", "mpeg2video"),
    "dv": ("dv", "dvvideo"),
    "yuv4mpegpipe": ("yuv4mpegpipe", "wrapped_avframe"),
    "h264": ("h264", "libx264"),
    "hevc": ("hevc", "libx265"),
    "m4v": ("m4v", "mpeg4"),
    "png_pipe": ("image2pipe", "png"),
}
"""FFmpeg's muxer and encoder for each demuxer of videos."""


def video(muxer: str, encoder: str) -> bytes:
    """Return twelve grey pictures; DV has one size alone."""
    height, width = (576, 720) if muxer == "dv" else (64, 96)
    pictures = (np.full((height, width, 3), 20 * number, np.uint8) for number in range(12))
    return encode_video(muxer, encoder, pictures)


def amr() -> bytes:
    """Return a second of AMR-NB: FFmpeg has no encoder of its own for it."""
    return b"#!AMR\n" + (b"\x04" + bytes(12)) * 50


MAKERS: dict[str, Callable[[], bytes]] = {
    **{name: partial(encode_tone, *coding, seconds=1.0) for name, coding in SOUNDS.items()},
    **{name: partial(video, *coding) for name, coding in VIDEOS.items()},
    "amr": amr,
}


def test_each_entry_has_a_file() -> None:
    assert sorted(MAKERS) == sorted(DEMUXERS.split(","))


@pytest.mark.parametrize("name", MAKERS)
def test_each_entry_is_needed_for_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(MAKERS[name]())
    with open_media(path) as container:
        assert name in container.format.name.split(",")
        assert sum(packet.size for packet in container.demux()) > 0
    others = ",".join(each for each in DEMUXERS.split(",") if each != name)
    monkeypatch.setattr(source, "DEMUXERS", others)
    with pytest.raises(BadInput), open_media(path):
        pass
