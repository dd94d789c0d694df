"""Where the opening that is heard gets lost, by planted curves."""

from fractions import Fraction

import numpy as np
import pytest

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
    row = measure_stages(listener, "words", speech(), actor())
    assert row.heard is not None
    assert row.heard > 0.99
    assert row.wanted is not None
    assert row.wanted > 0.97
    assert row.shut == 1.0
    assert row.mute == 0.0


def test_lips_that_are_wrongly_heard_as_closed_are_found(listener: Listener) -> None:
    row = measure_stages(listener, "words", speech(closed=1.0), actor())
    assert row.silent is not None
    assert row.silent > 0.97
    assert row.mute == 1.0


def test_the_table_has_the_mean_of_each_group_and_of_all() -> None:
    rows = [
        Stages(face, "words", *[value] * 8) for face, value in (("a", 0.5), ("a", 0.7), ("b", 0))
    ]
    text = stages_table(rows, lambda row: row.face, "face")
    assert "| a | 2 | 0.60 | 0.60 |" in text
    assert "| **mean** | 3 | 0.40 |" in text
