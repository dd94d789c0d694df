"""Codecs are checked by encoding and decoding a picture."""

from collections.abc import Callable

import av
import av.logging
import pytest

from heygem_daemon.media import codec_check


def test_what_every_job_is_encoded_with_works_here() -> None:
    assert codec_check.check_software_codecs() is None


@pytest.mark.parametrize(
    ("codec", "check"),
    [
        (codec_check.NVENC, codec_check.check_nvenc),
        (codec_check.NVDEC, codec_check.check_nvdec),
    ],
)
def test_the_gpu_s_codecs_work_or_say_why_not(codec: str, check: Callable[[], str | None]) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV was built without {codec}")
    reason = check()
    assert reason is None or (reason and "\n" not in reason and "Errno" not in reason)


def test_a_missing_codec_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_check, "NVENC", "h264_of_nobody")
    assert "h264_of_nobody" in str(codec_check.check_nvenc())


def test_the_log_is_left_as_it_was() -> None:
    before = av.logging.get_level()
    codec_check.check_nvenc()
    assert av.logging.get_level() == before


def test_this_ffmpeg_has_what_every_kind_of_result_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert codec_check.missing_parts() == ()
    monkeypatch.setattr(av, "codecs_available", {"libx264", "prores_ks"})
    assert [part for part in codec_check.missing_parts() if "libx265" in part]


def test_a_filter_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_check, "filters_available", {"haldclut", "ebur128", "loudnorm"})
    assert codec_check.missing_parts() == (
        "no filter sidedata, so no video can be read",
        "no filter bwdif, so no interlaced video can be read",
    )
