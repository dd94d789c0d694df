"""The benchmark's arithmetic and tables."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.lips.figures import Figures, Measure, figures_of
from benchmarks.lips.material import WORDLESS_FACES, Sound
from benchmarks.lips.repeating import Repeated
from benchmarks.lips.studio import Actor, Shot, changed_outside
from benchmarks.lips.table import bars_table, lines_of_pairs, lines_of_repeats
from heygem_daemon.engines.base import Box
from heygem_daemon.media.picture import ColourTags, Picture
from training.phones import Phone

FPS = 25.0
FRAMES = 100


def mouth(late: int = 0) -> np.ndarray:
    """Return four parameters that open and close every 10 frames; closed at multiples of 10."""
    wave = 0.1 * (1 - np.cos((np.arange(FRAMES) - late) * 2 * np.pi / 10))
    return np.stack([wave, 0.6 + wave, 0.8 - wave, 0 * wave], axis=1).astype(np.float32)


def shot(published: np.ndarray) -> Shot:
    level = np.full(200, -20, np.float32)
    level[100:150] = -80
    report = {"coverage": 1.0, "quality": {"sharpness": 0.9}}
    return Shot(FPS, mouth(), mouth(), published, level, 0, report)


def actor() -> Actor:
    return Actor(mouth(), (np.arange(FRAMES) / FPS).astype(np.float32), FPS)


def figures(published: np.ndarray, *phones: Phone) -> Figures:
    sound = Sound("words", Path("words.wav"), phones)
    return figures_of("face", sound, shot(published), Measure(actor(), actor(), 0.2))


def test_a_mouth_that_does_what_it_should_has_full_marks() -> None:
    row = figures(mouth(), Phone("m", 0.38, 0.42), *[Phone("p", 0.8, 0.8)] * 2)
    assert row.obeys == pytest.approx(1)
    assert row.late == pytest.approx(0, abs=1e-3)
    assert row.range == pytest.approx(1, abs=0.05)
    assert [row.aperture, row.width, row.jaw] == pytest.approx([1, 1, 1])
    assert (row.closures, row.mute) == (1.0, 0.0)
    assert [row.heard, row.wanted] == pytest.approx([1, 1])
    assert (row.sharpness, row.outside, row.coverage) == (0.9, 0, 1.0)


def test_closures_are_looked_up_at_the_middle_of_the_lip_sounds_alone() -> None:
    closed = [Phone("m", frame / FPS, frame / FPS) for frame in (10, 20, 30, 40, 50)]
    open_ = [Phone("b", frame / FPS, frame / FPS) for frame in (15, 25, 35, 45, 55)]
    vowels = [Phone("aa", 0.6, 0.6)] * 5
    assert figures(mouth(), *closed, *vowels).lips == 1.0
    assert figures(mouth(), *closed, *open_).lips == 0.5


def test_a_mouth_that_moves_in_silence_is_detected() -> None:
    share = figures(mouth()).silence
    assert share is not None
    assert share < 0.5


def test_frames_that_are_late_are_counted_in_frames() -> None:
    row = figures(mouth(late=2))
    assert row.late == pytest.approx(2, abs=0.1)


def test_a_mouth_that_is_shut_where_the_speaker_shouts_is_detected() -> None:
    row = figures(mouth(late=5))
    assert row.mute is not None
    assert row.mute > 0.5


def test_what_is_lost_between_ear_and_lips_is_judged_by_the_worst_face() -> None:
    pairs = [("one", 0.9, 0.9), ("one", 0.7, 0.7), ("other", 0.8, 0.6)]
    rows = [Figures(face, "words", 9, 1.0, heard=ear, aperture=lips) for face, ear, lips in pairs]
    text = bars_table(lines_of_pairs(rows))
    assert "as heard: mean | ≥ 0.97 | 0.92 | **falls short** |" in text
    assert "as heard: worst face | ≥ 0.90 | 0.75 | **falls short** |" in text


def test_samples_outside_the_region_are_counted_in_all_planes() -> None:
    before = Picture(
        0,
        np.zeros((8, 8), np.uint8),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4), np.uint8),
        ColourTags(),
    )
    after = Picture(0, before.y.copy(), before.u.copy(), before.v.copy(), ColourTags())
    after.y[2:4, 2:4] = 9
    after.v[1, 1] = 9
    assert changed_outside(before, after, Box(2, 2, 4, 4)) == 0
    assert changed_outside(before, after, Box(4, 4, 8, 8)) == 5


def test_the_table_says_what_holds_what_falls_short_and_what_is_unknown() -> None:
    text = bars_table(lines_of_pairs([Figures("face", "words", 100, 1.0, obeys=0.95, jitter=1.5)]))
    assert "worst face | ≥ 0.90 | 0.95 | holds |" in text
    assert "mean | ≤ 1.2 | 1.50 | **falls short** |" in text
    assert "lag 0 | ≥ 0.70 | | not measured |" in text


def test_the_range_of_a_face_that_never_speaks_is_listed_separately() -> None:
    rows = [Figures(face, "words", 100, 1.0, range=2.0) for face in ("face", WORDLESS_FACES[0])]
    text = bars_table(lines_of_pairs(rows))
    assert "in speech: highest face | 0.8-1.3 | 2.00 | **falls short** |" in text
    assert "in their video: highest |  | 2.00 | no bar |" in text


def test_the_faces_that_repeat_themselves_are_judged_by_the_worst() -> None:
    text = bars_table(lines_of_repeats([Repeated("one", 0.8), Repeated("other", 1.1)]))
    assert "lowest face | 0.85-1.2 | 0.80 | **falls short** |" in text
    assert "highest face | 0.85-1.2 | 1.10 | holds |" in text
