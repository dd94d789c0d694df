"""A result is checked before anyone sees it: each way to be wrong is found."""

import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.media.join import join
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.verify import ResultWrong, verify
from heygem_daemon.media.writer import SegmentWriter

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
    join([segment(folder / "segment.mp4")], folder / "sound.wav", target, FPS, FRAMES, DURATION)
    return target


def test_what_was_ordered_passes(result: Path) -> None:
    verify(result, FRAMES, FPS, DURATION)


def test_a_missing_picture_is_found(result: Path) -> None:
    with pytest.raises(ResultWrong, match="30 pictures instead of 31"):
        verify(result, FRAMES + 1, FPS, DURATION)


def test_another_rate_is_found(result: Path) -> None:
    with pytest.raises(ResultWrong, match="picture 1 is shown at"):
        verify(result, FRAMES, Fraction(30), DURATION)


def test_a_wrong_length_is_found(result: Path) -> None:
    with pytest.raises(ResultWrong, match="s of picture instead of"):
        verify(result, FRAMES, FPS, DURATION * 2)


def test_a_missing_sound_is_found(tmp_path: Path) -> None:
    mute = segment(tmp_path / "mute.mp4")
    verify(mute, FRAMES, FPS, DURATION, audio=False)
    with pytest.raises(ResultWrong, match="no audio"):
        verify(mute, FRAMES, FPS, DURATION)


def test_a_truncated_file_is_found(result: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(result.read_bytes()[: result.stat().st_size * 2 // 3])
    with pytest.raises(ResultWrong):
        verify(torn, FRAMES, FPS, DURATION)
