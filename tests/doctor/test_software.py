"""The doctor's findings about libraries and codecs, from what child processes answered."""

from heygem_daemon.doctor.answers import LibraryAnswer, VideoHardware
from heygem_daemon.doctor.child import ProbeFailure
from heygem_daemon.doctor.software import encoder_check, hardware_checks, torchaudio_check


def test_a_library_that_works_passes_and_one_that_does_not_fails_with_a_remedy() -> None:
    for check in (torchaudio_check, encoder_check):
        assert check(LibraryAnswer("1.0")).verdict == "pass"
        broken = check(ProbeFailure("OSError: libc10_cuda.so"))
        assert broken.verdict == "fail"
        assert "libc10_cuda.so" in broken.detail
        assert broken.remedy


def test_the_gpu_s_codecs_are_reported_and_never_needed() -> None:
    encoder, decoder = hardware_checks(VideoHardware(encoder="No capable devices found"))
    assert encoder.verdict == decoder.verdict == "pass"
    assert "No capable devices found" in encoder.detail
    assert "decodes H.264" in decoder.detail


def test_codecs_that_hang_the_driver_are_warned_of() -> None:
    (check,) = hardware_checks(ProbeFailure("gave no answer within 30 s", hung=True))
    assert check.verdict == "warn"


def test_a_missing_encoder_of_some_jobs_is_a_warning() -> None:
    check = encoder_check(LibraryAnswer("18.1", ('no libx265, so codec = "hevc" is refused',)))
    assert check.verdict == "warn"
    assert "libx265" in check.detail
    assert encoder_check(LibraryAnswer("18.1")).verdict == "pass"
