"""Each way in which a result can be wrong is found."""

import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.errors import EnvironmentFault
from heygem_daemon.media.mux import mux_segments
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.verify import InvalidResult, ResultVerifier, verify_result
from heygem_daemon.media.video_encoder import SegmentWriter

FPS = Fraction(30000, 1001)
FRAMES = 30
DURATION = Fraction(1001, 1000)


def segment(path: Path) -> Path:
    grey = np.full((24, 32), 128, np.uint8)
    with SegmentWriter(path, 64, 48, FPS, ColourTags()) as writer:
        for index in range(FRAMES):
            luma = np.full((48, 64), 20 + index * 4, np.uint8)
            writer.write(Picture(index, luma, grey, grey, ColourTags()))
    return path


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    with wave.open(str(folder / "sound.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16016))
    target = folder / "result.mp4"
    mux_segments(
        [segment(folder / "segment.mp4")], folder / "sound.wav", target, FPS, FRAMES, DURATION
    )
    return target


def test_a_result_as_specified_passes(result: Path) -> None:
    verify_result(result, FRAMES, FPS, DURATION)


def test_a_missing_picture_is_found(result: Path) -> None:
    with pytest.raises(InvalidResult, match="30 pictures instead of 31"):
        verify_result(result, FRAMES + 1, FPS, DURATION)


def test_another_rate_is_found(result: Path) -> None:
    with pytest.raises(InvalidResult, match="picture 1 is shown at"):
        verify_result(result, FRAMES, Fraction(30), DURATION)


def test_a_wrong_length_is_found(result: Path) -> None:
    with pytest.raises(InvalidResult, match="s of picture instead of"):
        verify_result(result, FRAMES, FPS, DURATION * 2)


def test_a_missing_sound_is_found(tmp_path: Path) -> None:
    mute = segment(tmp_path / "mute.mp4")
    verify_result(mute, FRAMES, FPS, DURATION, audio=False)
    with pytest.raises(InvalidResult, match="no audio"):
        verify_result(mute, FRAMES, FPS, DURATION)


def test_a_truncated_file_is_found(result: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(result.read_bytes()[: result.stat().st_size * 2 // 3])
    with pytest.raises(InvalidResult):
        verify_result(torn, FRAMES, FPS, DURATION)


def test_chosen_pictures_can_be_read_during_the_check(result: Path) -> None:
    verification = ResultVerifier(result, FRAMES, FPS, DURATION, DURATION)
    seen = {
        picture.index: int(picture.y.mean()) for picture in verification.read_pictures([0, 7, 29])
    }
    assert seen == {0: 20, 7: 48, 29: 136}
    verification.finish()


def test_pictures_that_were_not_read_are_checked_too(result: Path) -> None:
    verification = ResultVerifier(result, FRAMES + 1, FPS, DURATION, DURATION)
    assert next(verification.read_pictures([3])).index == 3
    with pytest.raises(InvalidResult, match="30 pictures instead of 31"):
        verification.finish()


def test_an_error_is_raised_while_reading_and_again_at_the_end(result: Path) -> None:
    verification = ResultVerifier(result, FRAMES, Fraction(30), DURATION, DURATION)
    with pytest.raises(InvalidResult, match="picture 1 is shown at"):
        list(verification.read_pictures(range(FRAMES)))
    with pytest.raises(InvalidResult, match="picture 1 is shown at"):
        verification.finish()


def test_a_file_that_is_gone_is_no_wrong_result(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault):
        verify_result(tmp_path / "gone.mp4", FRAMES, FPS, DURATION)
