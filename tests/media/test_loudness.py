"""A sound gets to its loudness, whatever it was before, with a true peak within the limit."""

from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.media.audio_measurement import measure_audio
from heygem_daemon.media.audio_track import plan_loudness
from heygem_daemon.media.loudness import (
    PEAK_LIMIT,
    Loudness,
    LoudnessChange,
    change_loudness,
    measure_loudness,
    plan_change,
)
from heygem_daemon.media.pcm_encoder import pcm_format
from heygem_daemon.media.samples import Samples
from tests.media.sound_files import tones, write_plain_wav

RATE = 48_000


def bursts(level: float, peak: float, seconds: float = 8.0) -> Samples:
    """Return a tone of amplitude ``level``, with a click of ``peak`` each half second."""
    sound = tones(1, RATE, seconds) * (level / 0.25)
    sound[:, RATE // 4 :: RATE // 2] = peak
    return sound.astype(np.float32)


def changed(sound: Samples, target: float) -> tuple[LoudnessChange, Samples, Loudness]:
    blocks = [np.ascontiguousarray(part) for part in np.array_split(sound, 50, axis=1)]
    change = plan_change(lambda: blocks, RATE, "mono", target)
    result = np.concatenate(list(change_loudness(blocks, RATE, "mono", change)), axis=1)
    return change, result, measure_loudness([result], RATE, "mono")


@pytest.mark.parametrize("target", [-16, -23])
@pytest.mark.parametrize("level", [0.0005, 0.02, 0.25, 1.0, 2.5])
def test_one_gain_reaches_the_target(level: float, target: float) -> None:
    sound = tones(1, RATE, 3.0) * (level / 0.25)
    change, result, after = changed(sound.astype(np.float32), target)
    assert change.is_linear
    assert after.integrated == pytest.approx(target, abs=0.1)
    assert after.true_peak <= PEAK_LIMIT
    np.testing.assert_allclose(result, sound * 10 ** (change.gain / 20), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("level", "peak"), [(0.005, 0.5), (0.02, 0.9), (2.0, 15.9), (3.0, 15.9)])
def test_where_the_gain_follows_the_sound_peaks_are_within_the_limit(
    level: float, peak: float
) -> None:
    """Also from above 0 LUFS, which ``loudnorm`` does not accept as measured."""
    change, result, after = changed(bursts(level, peak), -10)
    assert not change.is_linear
    assert result.shape == (1, 8 * RATE)
    assert after.true_peak <= PEAK_LIMIT + 0.5
    assert after.integrated == pytest.approx(-10, abs=2)


def test_all_channels_of_pcm_count_where_aac_would_be_the_voice_alone(tmp_path: Path) -> None:
    sound = np.repeat(tones(1, RATE, 3.0), 12, axis=0)
    source = write_plain_wav(tmp_path / "a.wav", sound, RATE, 2)
    change = plan_loudness(source, -23, is_pcm=True)
    changed_sound = sound * np.float32(10 ** (change.gain / 20))
    form = pcm_format(measure_audio(source))
    after = measure_loudness([changed_sound], *form)
    assert after.integrated == pytest.approx(-23, abs=0.1)
