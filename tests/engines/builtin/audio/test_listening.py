from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.audio.guarded_precision import GuardedEncoder
from heygem_daemon.engines.builtin.audio.heads import COMPONENTS, HeadEnsemble
from heygem_daemon.engines.builtin.audio.listening import (
    AudioModel,
    Speech,
    resample_to_frames,
    smooth_width,
    standardize_scores,
)
from heygem_daemon.errors import WeightsUnavailable
from heygem_daemon.face.tracking.mouth import WIDTH
from heygem_daemon.speech.encoder import WhisperEncoder
from heygem_daemon.speech.features import WindowPlan

WEIGHTS = Path(__file__).resolve().parents[4] / "weights" / "builtin"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def listener() -> AudioModel:
    return AudioModel.load(WEIGHTS)


def babble(seconds: float) -> Floats:
    """Return a buzz through moving formants, in syllables: not speech, but similar enough to move a
    mouth.
    """
    time = np.arange(round(seconds * 16_000)) / 16_000
    buzz = (np.cumsum(120 + 20 * np.sin(2 * time)) / 16_000) % 1 - 0.5
    colour = np.sin(2 * np.pi * (500 + 300 * np.sin(7 * time)) * time)
    sound: Floats = (0.3 * buzz * colour * np.clip(np.sin(9 * time), 0, 1)).astype(np.float32)
    return sound


def test_the_result_does_not_depend_on_the_blocks(listener: AudioModel) -> None:
    sound = babble(3.3)
    whole = listener.listen([sound])
    cut = listener.listen(sound[i : i + 777] for i in range(0, len(sound), 777))
    assert np.array_equal(whole.scores, cut.scores)
    assert np.array_equal(whole.activity, cut.activity)
    assert whole.seconds == cut.seconds == Fraction(33, 10)


def test_every_20_ms_of_the_sound_has_a_score(listener: AudioModel) -> None:
    speech = listener.listen([babble(1.01)])
    assert len(speech) == 51
    assert speech.scores.shape == (51, 4)
    assert speech.scores.dtype == speech.activity.dtype == speech.closed.dtype == np.float32
    assert 0 <= speech.closed.min() <= speech.closed.max() <= 1
    assert speech.hidden.shape == (51, COMPONENTS)
    assert speech.hidden.dtype == np.float16


def test_lips_are_shut_in_a_pause(listener: AudioModel) -> None:
    pause = np.zeros(16_000, np.float32)
    speech = listener.listen([babble(2.0), pause, babble(2.0)])
    assert (speech.closed[108:142] == 1).all()
    assert speech.closed[:90].min() < 0.5


def test_windows_join_without_a_seam(listener: AudioModel) -> None:
    sound = babble(12)
    encoder, heads = WhisperEncoder.load(WEIGHTS, CPU), HeadEnsemble.load(WEIGHTS, CPU)
    short = AudioModel(
        GuardedEncoder(encoder, None, ""), heads, CPU, WindowPlan(states=300, overlap=150)
    ).listen([sound])
    whole = listener.listen([sound])
    assert len(short) == len(whole)
    steps = np.abs(np.diff(short.scores, axis=0)).max(axis=1)
    seams = np.concatenate([np.arange(150, 300), np.arange(300, 450)])
    assert steps[seams].max() <= 1.5 * np.abs(np.diff(whole.scores, axis=0)).max()


@pytest.mark.parametrize("samples", [0, 1, 200, 321])
def test_hardly_any_sound_is_no_error(listener: AudioModel, samples: int) -> None:
    speech = listener.listen([np.full(samples, 0.1, np.float32)])
    assert len(speech) == -(-samples // 320)
    assert np.isfinite(speech.scores).all()


def test_silence_is_silent_and_inactive(listener: AudioModel) -> None:
    speech = listener.listen([np.zeros(16_000, np.float32)])
    assert speech.silent
    assert not speech.activity.any()
    assert np.isfinite(speech.scores).all()


def test_a_missing_weights_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable):
        AudioModel.load(tmp_path)


def test_only_the_width_loses_changes_faster_than_the_corners_of_a_mouth() -> None:
    time = np.arange(400) / 50
    syllables, tremble = np.sin(2 * np.pi * 1.5 * time), np.sin(2 * np.pi * 10 * time)
    score = np.repeat((syllables + tremble)[:, None], 4, axis=1).astype(np.float32)
    steady = smooth_width(score)
    others = [number for number in range(4) if number != WIDTH]
    assert np.array_equal(steady[:, others], score[:, others])
    inner = slice(25, -25)
    share = np.polyfit(syllables[inner], steady[inner, WIDTH], 1)[0]
    assert share == pytest.approx(1, abs=0.15)
    assert np.abs(steady[inner, WIDTH] - share * syllables[inner]).max() < 0.05


def test_no_score_at_all_is_steady() -> None:
    assert smooth_width(np.zeros((0, 4), np.float32)).shape == (0, 4)


def test_long_speech_is_standardized_over_what_is_active() -> None:
    rng = np.random.default_rng(0)
    score = (3 + 0.2 * rng.standard_normal((60_000, 4))).astype(np.float32)
    score[30_000:] = 99
    active = np.repeat(np.array([1, 0], np.float32), 30_000)
    spoken = standardize_scores(score, active)[:30_000]
    assert np.abs(spoken.mean(0)).max() < 0.1
    assert spoken.std(0) == pytest.approx(np.ones(4), abs=0.1)


def test_without_speech_the_score_keeps_its_own_scale() -> None:
    score = np.full((50, 4), 0.7, np.float32)
    assert standardize_scores(score, np.zeros(50, np.float32)) == pytest.approx(score)


def line(states: int) -> Speech:
    """Return speech whose score is its own time in seconds."""
    time = np.arange(states, dtype=np.float32) / 50
    return Speech(
        scores=np.repeat(time[:, None], 4, 1),
        activity=np.ones(states, np.float32),
        closed=np.zeros(states, np.float32),
        hidden=np.zeros((states, COMPONENTS), np.float16),
        seconds=Fraction(1),
        silent=False,
    )


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30_000, 1001), Fraction(60)])
def test_a_frame_gets_the_score_of_the_moment_it_is_shown(fps: Fraction) -> None:
    speech = resample_to_frames(line(500), 100, fps)
    times = np.arange(100) / float(fps)
    assert speech.scores[5:, 0] == pytest.approx(times[5:], abs=1e-4)
    assert speech.activity == pytest.approx(np.ones(100))


def test_nothing_drifts_in_an_hour() -> None:
    frames = 107_892
    speech = resample_to_frames(line(180_000), frames, Fraction(30_000, 1001))
    assert speech.scores[-1, 0] == pytest.approx((frames - 1) * 1001 / 30_000, abs=2e-3)


def test_beyond_the_sound_nobody_speaks() -> None:
    speech = resample_to_frames(line(50), 40, Fraction(25))
    assert not speech.activity[25:].any()
    assert not speech.closed[:25].any()
    assert speech.closed[25:].all()
    assert np.isfinite(speech.scores).all()


def test_no_sound_gives_calm_frames() -> None:
    speech = resample_to_frames(line(0), 10, Fraction(25))
    assert speech.scores.shape == (10, 4)
    assert not speech.activity.any()
    assert speech.closed.all()
