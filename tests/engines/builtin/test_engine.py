from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.engines.base import Device, Template
from heygem_daemon.engines.builtin.engine import BuiltinEngine, hash_weights
from heygem_daemon.errors import BadInput, WeightsUnavailable
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.waveform import read_waveform

SPEECH = Path(__file__).resolve().parents[3] / "demo" / "speech.wav"


@pytest.fixture(scope="module")
def engine(weights: Path) -> BuiltinEngine:
    return BuiltinEngine.load(weights, Device())


def timeline(frames: int) -> Timeline:
    return Timeline(Fraction(25), np.arange(frames, dtype=np.int32))


def test_speech_opens_and_closes_the_mouth(engine: BuiltinEngine, presenter: Template) -> None:
    speech = engine.extract_features(read_waveform(SPEECH))
    performance = engine.plan_performance(presenter, speech, timeline(len(presenter.track)))
    apertures = performance.plan.targets[:, 0]
    assert np.ptp(apertures) > 0.08
    assert apertures.min() < 0.02
    assert performance.summary.coverage == 1.0


def test_silence_keeps_the_mouth_closed_and_says_so(
    engine: BuiltinEngine, presenter: Template
) -> None:
    speech = engine.extract_features([np.zeros(5 * 16_000, np.float32)])
    performance = engine.plan_performance(presenter, speech, timeline(len(presenter.track)))
    assert performance.plan.targets[:, 0].max() < 0.02
    assert any("silent" in warning for warning in performance.summary.warnings)


def test_noise_keeps_the_mouth_calm_and_says_so(engine: BuiltinEngine, presenter: Template) -> None:
    noise = np.random.default_rng(1).normal(scale=0.1, size=5 * 16_000).astype(np.float32)
    performance = engine.plan_performance(
        presenter, engine.extract_features([noise]), timeline(125)
    )
    assert performance.plan.targets[:, 0].max() < 0.02
    assert any("No voice" in warning for warning in performance.summary.warnings)


def test_the_report_says_what_was_learned_of_the_person(
    engine: BuiltinEngine, presenter: Template
) -> None:
    speech = engine.extract_features(read_waveform(SPEECH))
    figures = engine.plan_performance(presenter, speech, timeline(50)).summary.figures
    assert figures["adaptation"] == "not used"
    assert figures["adaptation_reason"] == "the video has no sound"
    assert list(presenter.cache.glob("builtin-speech*"))


def test_a_video_without_a_face_is_refused(engine: BuiltinEngine, presenter: Template) -> None:
    frames = 10
    empty = Track(
        np.zeros((frames, 478, 3), np.float32),
        np.zeros(frames, np.bool_),
        np.zeros(frames, np.float32),
    )
    faceless = Template(presenter.video, "none", presenter.cache, 400, 300, presenter.colour, empty)
    speech = engine.extract_features([np.zeros(16_000, np.float32)])
    with pytest.raises(BadInput, match=r"presenter\.mp4"):
        engine.plan_performance(faceless, speech, timeline(frames))


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable):
        BuiltinEngine.load(tmp_path, Device())


def test_other_weights_have_another_hash(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"one")
    before = hash_weights(tmp_path)
    (tmp_path / "a.safetensors").write_bytes(b"two")
    assert hash_weights(tmp_path) != before
