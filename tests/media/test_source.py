"""Opening files: damage and a lost share are different errors."""

import errno
import io
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from heygem_daemon.errors import BadInput, EnvironmentFault
from heygem_daemon.media.source import (
    announced_seconds,
    is_truncated,
    open_media,
    read_packets,
    require_readable,
)

MakeFile = Callable[..., Path]


def test_rule_19_the_container_is_closed_whatever_happens(make_video: MakeFile) -> None:
    with pytest.raises(KeyError), open_media(make_video("a.mp4", 3)) as container:
        raise KeyError
    with pytest.raises(AssertionError, match="not open"):
        list(container.demux())


def test_a_share_that_fails_while_reading_is_no_bad_input(
    make_video: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video("a.mp4", 3)

    def stale(*_: Any, **__: Any) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(os, "open", stale)
    with pytest.raises(EnvironmentFault, match="ESTALE"), open_media(path):
        pass


@pytest.mark.parametrize(
    ("name", "said"), [("talk.wav", "Export or copy the file again"), ("talk.xyz", "wav, mp3")]
)
def test_a_file_in_a_common_format_is_to_be_made_again(
    tmp_path: Path, name: str, said: str
) -> None:
    """A damaged wav was to be made a wav."""
    (tmp_path / name).write_bytes(bytes(range(1, 200)) * 50)
    with pytest.raises(BadInput) as found, open_media(tmp_path / name):
        pass
    assert said in found.value.remedy


class LostShare(io.FileIO):
    """A file whose reading and seeking fail once ``is_lost``."""

    is_lost = False

    def read(self, size: int | None = -1, /) -> bytes:
        self._require_share()
        return super().read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._require_share()
        return super().seek(offset, whence)

    def _require_share(self) -> None:
        if self.is_lost:
            raise OSError(errno.ESTALE, "Stale file handle")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_share_that_is_lost_while_ffmpeg_opens_a_file_is_no_bad_input(
    make_video: MakeFile, name: str
) -> None:
    path = make_video(name, 3)
    with LostShare(path) as file:
        file.is_lost = True
        with (
            pytest.raises(EnvironmentFault, match=rf"{name} cannot be read \(ESTALE\)"),
            open_media(path, part=file),
        ):
            pass


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_share_that_is_lost_while_packets_are_read_is_no_bad_input(
    make_video: MakeFile, name: str
) -> None:
    path = make_video(name, 200, size=(960, 640), options={"qp": "10"})
    with LostShare(path) as file, open_media(path, part=file) as container:
        packets = read_packets(container)
        next(packets)
        file.is_lost = True
        with pytest.raises(EnvironmentFault, match=r"cannot be read \(ESTALE\)"):
            list(packets)


def test_a_file_that_goes_away_while_it_is_read_is_no_bad_input(make_video: MakeFile) -> None:
    path = make_video("a.mp4", 3)

    class Failing:
        name = str(path)

        def demux(self, *_: object) -> None:
            path.unlink(missing_ok=True)
            raise IndexError

    container: Any = Failing()
    with pytest.raises(EnvironmentFault, match="ENOENT"):
        list(read_packets(container))


def test_reading_ends_with_an_empty_packet(make_video: MakeFile) -> None:
    with open_media(make_video("a.mp4", 3)) as container:
        sizes = [packet.size for packet in read_packets(container)]
    assert len(sizes) == 4
    assert sizes[-1] == 0


def test_only_containers_that_know_their_length_announce_it(make_sound: MakeFile) -> None:
    for name, codec, announced in (
        ("a.wav", "pcm_s16le", 2),
        ("a.flac", "flac", 2),
        ("a.mp3", "libmp3lame", 0),
    ):
        with open_media(make_sound(name, codec, 2.0)) as container:
            assert announced_seconds(container) == announced


def test_a_recorder_that_has_not_filled_in_its_header_announces_nothing_more(
    make_sound: MakeFile,
) -> None:
    path = make_sound("a.wav", seconds=2.0)
    content = bytearray(path.read_bytes())
    for size in (0, 0xFFFFFFFF):
        content[4:8] = size.to_bytes(4, "little")
        path.write_bytes(content)
        with open_media(path) as container:
            assert announced_seconds(container) == 2


def test_a_little_may_be_missing() -> None:
    assert not is_truncated(Fraction(6, 10), Fraction(1))
    assert not is_truncated(Fraction(96), Fraction(100))
    assert is_truncated(Fraction(94), Fraction(100))
    assert not is_truncated(Fraction(10), Fraction(0))


def test_reasons_are_sentences_for_people(tmp_path: Path) -> None:
    path = tmp_path / "note.mp4"
    path.write_text("This is a text." * 100)
    with pytest.raises(BadInput) as refused, open_media(path):
        pass
    assert refused.value.reason.startswith("note.mp4 is not a readable")
    assert refused.value.reason.endswith(".")
    assert refused.value.remedy.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile other.mp4\nfile other.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>',
        ";FFMETADATA1\ntitle=a\n",
    ],
    ids=["concat", "hls", "sdp", "dash", "ffmetadata"],
)
def test_a_file_that_refers_to_others_is_refused(
    make_video: MakeFile, tmp_path: Path, text: str
) -> None:
    make_video("other.mp4", 3)
    path = tmp_path / "a.mp4"
    path.write_text(text)
    with (
        pytest.raises(BadInput, match=r"a\.mp4 (is|cannot be used: it is) (not |a )") as refused,
        open_media(path),
    ):
        pass
    assert "mp4" in refused.value.remedy


def test_memory_that_does_not_suffice_is_no_damage(make_video: MakeFile) -> None:
    class Exhausted:
        name = str(make_video("a.mp4", 3))

        def demux(self, *_: object) -> None:
            raise av.error.MemoryError(errno.ENOMEM, "Cannot allocate memory")

    container: Any = Exhausted()
    with pytest.raises(MemoryError):
        list(read_packets(container))


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_link_or_a_pipe_in_the_place_of_a_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    private, file = tmp_path / "private.wav", tmp_path / "talk.wav"
    private.write_bytes(b"RIFF private")
    if kind == "link":
        file.symlink_to(private)
    else:
        os.mkfifo(file)
    with pytest.raises(BadInput, match=r"talk\.wav is a link or a device"):
        require_readable(file)
