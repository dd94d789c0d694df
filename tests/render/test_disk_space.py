"""A job without room on the disk does not start."""

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from heygem_daemon.errors import BadInput, SpoolUnavailable
from heygem_daemon.media.info import VideoInfo
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.video_codecs import H264, EncoderSettings
from heygem_daemon.render.disk_space import estimate_bytes, require_disk_space
from heygem_daemon.system.units import GIB

VIDEO = VideoInfo(
    width=1920, height=1080, fps=Fraction(25), frames=250, duration=Fraction(10), codec="h264",
    pixel_format="yuv420p", colour=ColourTags(),
)  # fmt: skip
MEGABYTE = 10**6


def test_a_sound_of_the_videos_length_needs_a_few_times_the_video() -> None:
    needed = estimate_bytes(VIDEO, 10 * MEGABYTE, seconds=10, encoder=H264)
    assert 2 * 10 * MEGABYTE < needed < 6 * 10 * MEGABYTE


def test_a_looped_video_needs_room_for_every_repetition() -> None:
    once = estimate_bytes(VIDEO, 10 * MEGABYTE, seconds=10, encoder=H264)
    assert estimate_bytes(VIDEO, 10 * MEGABYTE, seconds=3600, encoder=H264) == pytest.approx(
        360 * once
    )


def test_a_source_of_a_very_high_rate_does_not_raise_the_estimate_as_much() -> None:
    studio = estimate_bytes(VIDEO, 1000 * MEGABYTE, seconds=10, encoder=H264)
    assert studio < 100 * MEGABYTE


def test_a_finer_picture_takes_more() -> None:
    sizes = [
        estimate_bytes(VIDEO, 10 * MEGABYTE, 10, EncoderSettings(crf=crf)) for crf in (12, 18, 24)
    ]
    assert sizes[0] > 1.8 * sizes[1] > 3.2 * sizes[2]


def test_a_video_of_no_known_length_is_no_error() -> None:
    assert estimate_bytes(replace(VIDEO, duration=Fraction(0)), MEGABYTE, 10, H264) > 0


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five GiB free of ten."""
    figures = [4096, 4096, 10 * GIB // 4096, *[5 * GIB // 4096] * 2, *[10**6] * 3, 0, 255]
    monkeypatch.setattr(os, "statvfs", lambda _path: os.statvfs_result(figures))


@pytest.mark.usefixtures("disk")
def test_rule_15_a_job_without_room_goes_back_before_it_fills_the_disk(tmp_path: Path) -> None:
    require_disk_space(tmp_path, needed_bytes=4 * GIB, keep_free_bytes=GIB)
    with pytest.raises(SpoolUnavailable, match=r"4\.50 GiB; .* 5\.00 GiB free, of which 1\.00"):
        require_disk_space(tmp_path, needed_bytes=4 * GIB + GIB // 2, keep_free_bytes=GIB)


@pytest.mark.usefixtures("disk")
def test_finished_segments_count_as_part_of_the_need(tmp_path: Path) -> None:
    with (tmp_path / "segment-00000.mp4").open("wb") as file:
        file.truncate(GIB)  # sparse
    require_disk_space(tmp_path, needed_bytes=5 * GIB, keep_free_bytes=GIB)


@pytest.mark.usefixtures("disk")
def test_a_job_that_is_too_large_for_the_empty_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"has only 10\.00 GiB in all"):
        require_disk_space(tmp_path, needed_bytes=10 * GIB, keep_free_bytes=GIB)


def test_prores_needs_room_for_its_own_rate() -> None:
    needed = estimate_bytes(VIDEO, 10 * MEGABYTE, 10, EncoderSettings("prores"))
    assert 2 * 10 * 184e6 / 8 < needed < 2 * 10 * 230e6 / 8
