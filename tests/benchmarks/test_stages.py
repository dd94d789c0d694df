"""Where the opening that is heard gets lost, by planted curves."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.lips.material import ROOT
from benchmarks.lips.stages import Listener, Stages, measure_stages, stages_table
from benchmarks.lips.studio import Actor
from heygem_daemon.engines.builtin.audio.heads import COMPONENTS
from heygem_daemon.engines.builtin.audio.listening import Speech
from heygem_daemon.engines.builtin.targets.speaker_adaptation import no_adaptation
from heygem_daemon.engines.builtin.targets.speaking_style import measure_speaking_style
from heygem_daemon.engines.builtin.warp.aim import load_shape

SECONDS, FPS = 8, 25.0
STATES = 50 * SECONDS


def speech(closed: float = 0.0) -> Speech:
    """Return speech in which a mouth opens and closes once a second."""
    wave = -np.cos(np.arange(STATES) * 2 * np.pi / 50)
    return Speech(
        scores=np.repeat(np.sqrt(2) * wave[:, None], 4, axis=1).astype(np.float32),
        activity=np.ones(STATES, np.float32),
        closed=np.full(STATES, closed, np.float32),
        hidden=np.zeros((STATES, COMPONENTS), np.float16),
        seconds=Fraction(SECONDS),
        silent=False,
    )


def level(quiet_until: float = 0.0) -> NDArray[np.float32]:
    """Return the level of its sound, dB: loud, but for the seconds ``quiet_until``."""
    return np.where(np.arange(STATES) < 50 * quiet_until, -60.0, -20.0).astype(np.float32)


def actor() -> Actor:
    """Return the mouth that says it."""
    seconds = (np.arange(FPS * SECONDS) / FPS).astype(np.float32)
    wave = 0.1 * (1 - np.cos(seconds * 2 * np.pi))
    mouth = np.stack([wave, 0.6 + 0 * wave, 0.8 + wave, 0.18 + 0 * wave], axis=1)
    return Actor(mouth.astype(np.float32), seconds, FPS)


@pytest.fixture
def listener() -> Listener:
    style = measure_speaking_style(actor().mouth, FPS, load_shape(ROOT / "weights" / "builtin"))
    return Listener("face", actor(), style, no_adaptation("", int(FPS * SECONDS)))


def test_what_is_heard_rightly_is_wanted(listener: Listener) -> None:
    row = measure_stages(listener, "words", speech(), level(), actor())
    assert row.heard is not None
    assert row.heard > 0.99
    assert row.wanted is not None
    assert row.wanted > 0.97
    assert row.shut == 1.0
    assert row.mute == 0.0


def test_lips_that_are_wrongly_heard_as_closed_are_found(listener: Listener) -> None:
    row = measure_stages(listener, "words", speech(closed=1.0), level(), actor())
    assert row.silent is not None
    assert row.silent > 0.97
    assert row.mute == row.aloud == 1.0


def test_a_mouth_that_opens_before_it_speaks_is_counted_apart(listener: Listener) -> None:
    closed = speech()
    closed.closed[:150] = 1.0
    row = measure_stages(listener, "words", closed, level(quiet_until=3), actor())
    assert row.mute == pytest.approx(3 / 8, abs=0.05)
    assert row.aloud == 0.0


def test_the_table_has_the_mean_of_each_group_and_of_all() -> None:
    rows = [
        Stages(face, "words", *[value] * 9) for face, value in (("a", 0.5), ("a", 0.7), ("b", 0))
    ]
    text = stages_table(rows, lambda row: row.face, "face")
    assert "| a | 2 | 0.60 | 0.60 |" in text
    assert "| **mean** | 3 | 0.40 |" in text
