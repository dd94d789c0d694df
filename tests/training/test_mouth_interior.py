import numpy as np
import pytest
from safetensors.numpy import load_file

from heygem_daemon.engines.builtin.interior.shipped_interior import INTERIOR_FILE
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking.tracker import FaceTracker
from training.mouth_interior import PORTRAIT, WEIGHTS, cut_teeth, divided, film, sharpened


def edge() -> np.ndarray:
    """Return a picture (3, 20, 60) of a soft vertical edge."""
    x = np.arange(60) - 29.5
    return np.tile(100 + 60 * np.tanh(x / 6), (3, 20, 1)).astype(np.float32)


def test_the_shipped_teeth_are_those_of_the_portrait() -> None:
    portrait = film(PORTRAIT, [0], FaceTracker.load(WEIGHTS), load_reference_face(WEIGHTS))
    shipped = load_file(WEIGHTS / INTERIOR_FILE)
    again = cut_teeth(portrait).astype(int)
    assert np.abs(again - shipped["teeth"]).mean() < 0.5
    assert portrait.skin() == pytest.approx(shipped["teeth_skin"], abs=0.5)


def test_sharpening_makes_edges_steeper_and_no_brighter() -> None:
    sharp = sharpened(edge())
    assert np.abs(np.diff(sharp[0], axis=1)).max() > 1.2 * np.abs(np.diff(edge()[0], axis=1)).max()
    assert sharp[0].max() <= edge()[0].max() + 2
    assert np.array_equal(sharp[1:], edge()[1:])


def test_gaps_between_teeth_become_darker_and_teeth_stay() -> None:
    teeth = np.full((3, 10, 120), 200, np.float32)
    teeth[0, :, 58:62] = 180
    gaps = divided(teeth)[0]
    assert gaps[:, 60].max() < 175
    assert gaps[:, 10] == pytest.approx(200, abs=0.5)
