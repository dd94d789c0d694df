"""A file that cannot be read is called by its name, with what to do."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from heygem_daemon.errors import BadInput
from heygem_daemon.media.known_formats import is_protected, name_format
from heygem_daemon.media.probe import probe_audio, probe_video

MakeFile = Callable[..., Path]

HEADS: tuple[tuple[bytes, str], ...] = (
    (b".RMF\0\0\0\x12\0\0\0\0\0\0", "RealMedia"),
    (b"PK\3\4\x14\0\6\0", "a ZIP archive or an office document"),
    (b"%PDF-1.7\n", "a PDF document"),
    (b"\n<!DOCTYPE HTML><html><body>Sign in</body></html>", "a web page"),
    (b"#EXTM3U\n#EXT-X-VERSION:3\nhttp://example.org/a.ts\n", "a playlist"),
    (b"MThd\0\0\0\6\0\1\0\2", "MIDI"),
    (b"MAC \x96\x0f\0\0", "Monkey's Audio"),
    (b"\0\0\0\x18ftypcrx \0\0\0\1", "a Canon camera"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
)


@pytest.mark.parametrize(("head", "name"), HEADS)
@pytest.mark.parametrize("probe", [probe_video, probe_audio])
def test_a_file_that_is_not_what_its_name_says_is_named(
    head: bytes, name: str, probe: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(head + bytes(range(256)) * 64)
    with pytest.raises(BadInput) as caught:
        probe(path)
    assert name in caught.value.reason
    assert caught.value.remedy


def test_media_have_no_such_name(make_video: MakeFile, make_sound: MakeFile) -> None:
    for path in (
        make_video("a.mp4"),
        make_video("a.mkv"),
        make_sound("a.wav"),
        make_sound("a.aiff", "pcm_s16be"),
    ):
        assert name_format(path.read_bytes()[:512]) is None


@pytest.fixture
def encrypted(make_video: MakeFile, tmp_path: Path) -> Path:
    """A video with sound whose samples are encrypted as streaming services do it (CENC)."""
    path = tmp_path / "film.mp4"
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
        "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    }
    with (
        av.open(str(make_video("plain.mp4", frames=50))) as source,
        av.open(str(path), "w", options=options) as target,
    ):
        stream = source.streams.video[0]
        copied = target.add_stream_from_template(stream)
        sound: Any = target.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 32_000), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 16_000
        target.mux(sound.encode(frame))
        target.mux(sound.encode(None))
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = copied
                target.mux(packet)
    return path


@pytest.mark.parametrize("probe", [probe_video, probe_audio])
def test_copy_protection_is_named(encrypted: Path, probe: Callable[[Path], object]) -> None:
    """The decoder would find noise, and the reason would be damage."""
    with pytest.raises(
        BadInput, match=r"film\.mp4 cannot be used: it is protected against copying \(DRM\)"
    ):
        probe(encrypted)


def test_a_book_of_audible_is_named_although_it_opens(encrypted: Path, tmp_path: Path) -> None:
    path = tmp_path / "book.m4b"
    path.write_bytes(encrypted.read_bytes().replace(b"enca" + bytes(6), b"aavd" + bytes(6)))
    with pytest.raises(BadInput, match="DRM"):
        probe_audio(path)


class CountedReads(io.FileIO):
    """A file that counts how often it is read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.count += 1
        return super().read(-1 if size is None else size)


def test_a_file_of_countless_boxes_is_not_searched_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"\0\0\0\x10free" + bytes(8) + b"\0\0\0\x08free" * 300_000)
    with CountedReads(path) as file:
        assert not is_protected(file)
        assert file.count <= 100_000
