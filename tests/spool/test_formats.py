"""What extensions stand for."""

import pytest

from heygem_daemon.spool.formats import (
    AUDIO_EXTENSIONS,
    VIDEO_EXTENSIONS,
    is_photograph,
    media_kind,
    unreadable_format,
)


def test_the_extension_tells_the_kind_in_any_case() -> None:
    assert media_kind("a.WAV") == media_kind("a.b.opus") == media_kind("a.m4a") == "audio"
    assert media_kind("a.MoV") == media_kind("a.webm") == media_kind("a.m4v") == "video"
    assert (
        media_kind("a.txt")
        is media_kind("wav")
        is media_kind(".mp4")
        is media_kind("a.mp4.")
        is None
    )


@pytest.mark.parametrize(
    "name", ["a.JPG", "a.jpeg", "a.png", "a.WebP", "a.bmp", "a.tiff", "a.heic"]
)
def test_a_photograph_may_show_the_face(name: str) -> None:
    assert media_kind(name) == "video"
    assert is_photograph(name)


def test_a_video_is_no_photograph() -> None:
    assert not is_photograph("a.mp4")
    assert not is_photograph("a.wav")


def test_no_extension_stands_for_two_things() -> None:
    assert not AUDIO_EXTENSIONS & VIDEO_EXTENSIONS
    assert all(
        unreadable_format(f"a{each}") is None for each in AUDIO_EXTENSIONS | VIDEO_EXTENSIONS
    )


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a.RMVB", "RealMedia"),
        ("a.m4p", "(DRM)"),
        ("a.nef", "a raw photograph"),
        ("a.m3u8", "a playlist"),
    ],
)
def test_media_that_cannot_be_used_are_named(name: str, what: str) -> None:
    assert what in str(unreadable_format(name))


@pytest.mark.parametrize("name", ["a.docx", "a.txt", "a.pdf", "a.zip", "a", "a.exe", "a.json"])
def test_what_is_no_medium_has_no_reason(name: str) -> None:
    assert unreadable_format(name) is None
