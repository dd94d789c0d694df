"""Files are described, or refused with a reason."""

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.errors import BadInput, EnvironmentFault
from heygem_daemon.media import probe as probe_module
from heygem_daemon.media.frame_rate import output_rate
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.probe import (
    main,
    probe_audio,
    probe_video,
    read_content,
    require_both_ends,
)

MakeFile = Callable[..., Path]


def test_a_plain_video_is_described(make_video: MakeFile) -> None:
    info = probe_video(make_video("clip.mp4", frames=30, rate=Fraction(30_000, 1001)))
    assert (info.width, info.height, info.frames) == (96, 64, 30)
    assert info.fps == Fraction(30_000, 1001)
    assert (info.codec, info.pixel_format, info.rotation) == ("h264", "yuv420p", 0)
    assert info.colour == ColourTags()


def test_a_rotated_video_is_described_upright(make_video: MakeFile) -> None:
    info = probe_video(make_video("clip.mp4", frames=3, rotation=-90))
    assert (info.width, info.height, info.rotation) == (64, 96, 90)


def test_colour_tags_and_pixel_shape_are_read(make_video: MakeFile) -> None:
    path = make_video(
        "clip.mp4",
        frames=3,
        color_primaries=1,
        color_trc=1,
        colorspace=1,
        color_range=2,
        sample_aspect_ratio=Fraction(12, 11),
    )
    info = probe_video(path)
    assert info.colour == ColourTags(1, 1, 1, True)
    assert info.sample_aspect == Fraction(12, 11)


@pytest.mark.parametrize(
    ("codec", "name", "rate", "layout"),
    [
        ("pcm_s16le", "a.wav", 16_000, "mono"),
        ("pcm_s16le", "a.wav", 11_025, "stereo"),
        ("flac", "a.flac", 44_100, "stereo"),
        ("libopus", "a.opus", 48_000, "mono"),
        ("libmp3lame", "a.mp3", 44_100, "stereo"),
        ("alac", "a.m4a", 48_000, "stereo"),
    ],
)
def test_the_length_of_a_sound_is_exact(
    make_sound: MakeFile, codec: str, name: str, rate: int, layout: str
) -> None:
    info = probe_audio(make_sound(name, codec, 1.5, rate, layout))
    assert (info.sample_rate, info.channels) == (rate, 1 if layout == "mono" else 2)
    assert info.duration == Fraction(round(1.5 * rate), rate)


def test_a_block_codec_pads_less_than_a_block(make_sound: MakeFile) -> None:
    info = probe_audio(make_sound("a.m4a", "aac", 1.5, 44_100))
    assert 0 <= info.duration - Fraction(3, 2) < Fraction(1024, 44_100)


@pytest.mark.parametrize("probe", [probe_video, probe_audio])
def test_a_file_without_media_is_refused(tmp_path: Path, probe: Callable[[Path], object]) -> None:
    for content, reason in ((b"", "0 bytes"), (b"hello " * 500, "not a readable")):
        path = tmp_path / "file.mp4"
        path.write_bytes(content)
        with pytest.raises(BadInput, match=reason) as refused:
            probe(path)
        assert refused.value.remedy


def test_a_missing_stream_is_named(make_video: MakeFile, make_sound: MakeFile) -> None:
    with pytest.raises(BadInput, match="no audio stream"):
        probe_audio(make_video("clip.mp4", frames=2))
    with pytest.raises(BadInput, match="no video stream"):
        probe_video(make_sound("sound.wav"))


def test_a_codec_without_a_decoder_is_not_waited_for(
    make_video: MakeFile, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_video("clip.mp4", frames=3)
    path.write_bytes(path.read_bytes().replace(b"avc1\0\0", b"zzzz\0\0"))
    assert main([str(path), "video"]) == 0
    assert "there is no decoder" in capsys.readouterr().out


def test_album_art_is_no_video(make_sound: MakeFile, tmp_path: Path) -> None:
    sound, path = make_sound("sound.mp3", "libmp3lame", 1.0, 44_100), tmp_path / "song.mp3"
    with av.open(str(sound)) as reader, av.open(str(path), "w") as writer:
        out = writer.add_stream_from_template(reader.streams.audio[0])
        art = writer.add_stream("png", rate=1)
        art.width = art.height = 64
        art.pix_fmt = "rgb24"
        art.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        writer.mux(art.encode(frame))
        writer.mux(art.encode(None))
        for packet in reader.demux(reader.streams.audio[0]):
            if packet.size:
                packet.stream = out
                writer.mux(packet)
    assert probe_audio(path).codec == "mp3"
    with pytest.raises(BadInput, match="no video stream"):
        probe_video(path)


def test_a_damaged_sound_that_looks_like_a_raw_video_holds_none(tmp_path: Path) -> None:
    """Start codes of MPEG-4 by chance: with a video of its name it was 'none holds a sound'."""
    path = tmp_path / "talk.flac"
    pictures = b"".join(b"\0\0\1\xb6" + bytes([number]) * 50 for number in range(9))
    damaged = b"fLaX" + bytes(40) + b"\0\0\1\x00\0\0\1\x20" + bytes(8) + pictures
    path.write_bytes(damaged * 20)
    with av.open(str(path)) as container:
        assert [each.type for each in container.streams] == ["video"]
    assert read_content(path) == MediaContent()


@pytest.mark.parametrize(
    ("codec", "name"), [("pcm_s16le", "a.wav"), ("libmp3lame", "a.mp3"), ("libopus", "a.opus")]
)
def test_the_headers_tell_about_how_long_a_sound_is(
    make_sound: MakeFile, codec: str, name: str
) -> None:
    content = read_content(make_sound(name, codec, 7.5, 48_000, "mono"))
    assert content.seconds == pytest.approx(7.5, abs=0.1)
    assert MediaContent.from_json(content.to_json().encode()).seconds == content.seconds


@pytest.mark.parametrize("seconds", ["-1", "NaN", "Infinity", "1e300", '"1"'])
def test_what_a_probe_cannot_have_found_is_nothing(seconds: str) -> None:
    line = f'{{"sound":true,"picture":false,"seconds":{seconds}}}'
    assert not MediaContent.from_json(line.encode()).seconds > 1


def test_an_mp4_cut_before_its_index_says_so(make_video: MakeFile) -> None:
    path = make_video("clip.mp4")
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(BadInput, match="moov"):
        probe_video(path)


def test_a_truncated_recording_is_no_sound_to_render(make_sound: MakeFile) -> None:
    path = make_sound("a.wav", seconds=4)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(BadInput, match=r"ends after 2\.0 of 4\.0"):
        probe_audio(path)


def test_pictures_of_absurd_size_are_refused(make_video: MakeFile) -> None:
    with pytest.raises(BadInput, match="8x8"):
        probe_video(make_video("tiny.mkv", 2, "ffv1", size=(8, 8)))


def test_a_file_that_cannot_be_reached_is_no_fault_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="ENOENT"):
        probe_video(tmp_path / "gone.mp4")
    with pytest.raises(BadInput, match="folder"):
        probe_audio(tmp_path)


@pytest.mark.parametrize(
    ("rate", "published"),
    [
        (Fraction(25), Fraction(25)),
        (Fraction(2997, 100), Fraction(30_000, 1001)),
        (Fraction(29_871, 1000), Fraction(29_871, 1000)),
        (Fraction(240), Fraction(60)),
        (Fraction(1000), Fraction(125, 2)),
        (Fraction(1, 5), Fraction(25)),
        (None, Fraction(25)),
        (Fraction(14_985, 1000), Fraction(2997, 200)),
    ],
)
def test_rule_21_the_output_rate_is_exact_and_sane(
    rate: Fraction | None, published: Fraction
) -> None:
    if published == Fraction(125, 2):
        assert 30 <= output_rate(rate) <= 60
    else:
        assert output_rate(rate) == published


def test_a_copy_whose_end_is_still_empty_is_not_complete(make_video: MakeFile) -> None:
    path = make_video("a.mkv", 60, "mjpeg", pix_fmt="yuvj420p")
    assert require_both_ends(path).frames == 60
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    probe_video(path)
    with pytest.raises(BadInput):
        require_both_ends(path)


def test_the_program_exits_with_a_status_and_prints_what_it_found(
    make_video: MakeFile, tmp_path: Path
) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "heygem_daemon.media.probe", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    path = make_video("clip.mp4", frames=5)
    silent = '{"sound":false,"picture":true,"seconds":0.2}\n'
    assert run(str(path), "video") == (0, f"{silent}h264, 0.20 s\n")
    assert run(str(path), "audio") == (0, f"{silent}h264, 0.20 s\n")
    assert run(str(path))[0] == 2
    assert run(str(tmp_path / "gone.wav"), "audio")[0] == 1


def test_headers_that_take_all_memory_are_too_large_and_not_waited_for(
    make_video: MakeFile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_path: Path) -> None:
        raise MemoryError

    path = make_video("clip.mp4", frames=5)
    monkeypatch.setattr(probe_module, "open_media", fail)
    assert main([str(path), "video"]) == 0
    assert "clip.mp4 takes more memory" in capsys.readouterr().out
