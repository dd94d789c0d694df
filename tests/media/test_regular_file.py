"""A file that is exchanged for a link while it is read does not lead elsewhere."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from heygem_daemon.errors import BadInput, EnvironmentFault
from heygem_daemon.media.probe import probe_audio, probe_video, require_both_ends
from heygem_daemon.media.regular_file import checksum, open_regular
from heygem_daemon.media.source import PROTOCOLS, open_media
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.system import paths

MakeFile = Callable[..., Path]


def exchange(file: Path, private: Path) -> None:
    """Put a link to ``private`` in the place of ``file``, in one step."""
    link = file.with_name("link")
    link.symlink_to(private)
    link.replace(file)


@pytest.fixture
def video(make_video: MakeFile) -> Path:
    return make_video("talk.mp4", 10)


@pytest.fixture
def private(make_video: MakeFile) -> Path:
    return make_video("private.mp4", 40)


def test_ffmpeg_reads_what_was_opened_and_not_what_has_the_name_now(
    video: Path, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = av.open

    def exchanging(*arguments: Any, **options: Any) -> Any:
        exchange(video, private)
        return real(*arguments, **options)

    monkeypatch.setattr(av, "open", exchanging)
    with open_media(video) as container:
        assert sum(bool(packet.size) for packet in container.demux(video=0)) == 10


def count_pictures(path: Path) -> int:
    with VideoReader(path) as reader:
        return reader.frame_count


VIDEO_READERS: dict[str, Callable[[Path], object]] = {
    "index": count_pictures,
    "first picture": probe_video,
    "both ends": require_both_ends,
}
SOUND_READERS: dict[str, Callable[[Path], object]] = {
    "sound": probe_audio,
    "waveform": lambda path: sum(len(part) for part in read_waveform(path)),
    "checksum": checksum,
}


@pytest.mark.parametrize("reader", VIDEO_READERS.values(), ids=VIDEO_READERS)
@pytest.mark.parametrize("opening", range(4))
def test_a_video_exchanged_before_any_of_its_openings_is_not_followed(
    video: Path,
    private: Path,
    monkeypatch: pytest.MonkeyPatch,
    reader: Callable[[Path], object],
    opening: int,
) -> None:
    check_exchange(video, private, monkeypatch, reader, opening)


@pytest.mark.parametrize("reader", SOUND_READERS.values(), ids=SOUND_READERS)
@pytest.mark.parametrize("opening", range(5))
@pytest.mark.parametrize(
    ("name", "codec"),
    [("talk.wav", "pcm_s16le"), ("talk.ogg", "flac"), ("talk.mp3", "libmp3lame")],
)
def test_a_sound_exchanged_before_any_of_its_openings_is_not_followed(
    make_sound: MakeFile,
    monkeypatch: pytest.MonkeyPatch,
    reader: Callable[[Path], object],
    opening: int,
    name: str,
    codec: str,
) -> None:
    sound, private = make_sound(name, codec), make_sound(f"private.{name}", codec, 3.0)
    check_exchange(sound, private, monkeypatch, reader, opening)


def check_exchange(
    file: Path,
    private: Path,
    monkeypatch: pytest.MonkeyPatch,
    reader: Callable[[Path], object],
    opening: int,
) -> None:
    original = reader(file)
    real = paths.open_file
    openings: list[Path] = []

    def exchanging(path: Path, *arguments: Any) -> int:
        if path == file:
            if len(openings) == opening:
                exchange(file, private)
            openings.append(path)
        return real(path, *arguments)

    monkeypatch.setattr(paths, "open_file", exchanging)
    if opening == 0:
        with pytest.raises(BadInput, match="is a link"):
            reader(file)
        return
    with contextlib.suppress(BadInput, EnvironmentFault):
        assert reader(file) == original
    assert openings


def test_a_link_above_a_file_is_not_followed(video: Path, private: Path, tmp_path: Path) -> None:
    folder = tmp_path / "show"
    folder.symlink_to(private.parent)
    with pytest.raises(EnvironmentFault, match="links are not followed"):
        open_regular(folder / private.name)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_not_a_regular_file_is_refused_without_waiting(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "talk.mp4"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(BadInput, match=r"talk\.mp4 is a (folder|link)"):
        open_regular(path)


def test_ffmpeg_has_no_protocol_to_open_anything(video: Path) -> None:
    with pytest.raises(av.error.FFmpegError):
        av.open(str(video), container_options={"protocol_whitelist": PROTOCOLS})
