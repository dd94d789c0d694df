import numpy as np

from heygem_daemon.engines.strength import FADE_FRAMES, compute_strength, fade_edges
from heygem_daemon.face.tracking.track import MouthProblem

N = 40


def test_a_usable_clip_is_drawn_from_its_first_to_its_last_frame() -> None:
    assert (fade_edges(np.ones(N, np.bool_)) == 1).all()


def test_drawing_fades_out_before_and_in_after_a_gap() -> None:
    usable = np.ones(N, np.bool_)
    usable[18:22] = False
    values = fade_edges(usable)
    assert (values[18:22] == 0).all()
    assert (np.diff(values[18 - FADE_FRAMES : 18]) < 0).all()
    assert (np.diff(values[22 : 22 + FADE_FRAMES]) > 0).all()
    assert values[0] == values[-1] == 1


def test_reasons_say_for_how_much_of_the_time() -> None:
    problems = np.zeros(N, np.uint8)
    problems[:4] = MouthProblem.NO_FACE
    problems[20:30] = MouthProblem.COVERED
    problems[38:] = MouthProblem.OUT_OF_PICTURE
    angles = np.zeros((N, 3), np.float32)
    angles[4:12, 0] = 50
    made = compute_strength(problems, angles, np.full(N, 100, np.float32))
    assert made.reasons == {
        "no face found": 0.1,
        "mouth covered": 0.25,
        "mouth outside the picture": 0.05,
        "face turned away": 0.2,
    }
    assert (made.values[20:30] == 0).all()
    assert (np.diff(made.values[30:33]) > 0).all()


def test_a_face_of_a_few_pixels_is_left_alone() -> None:
    still = np.zeros((N, 3), np.float32)
    made = compute_strength(np.zeros(N, np.uint8), still, np.full(N, 10, np.float32))
    assert made.values.max() == 0
    assert made.reasons == {"face too small": 1.0}
