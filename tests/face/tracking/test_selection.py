import pytest

from heygem_daemon.config.choices import FaceChoice
from heygem_daemon.face.tracking.selection import FaceCandidate, choose_speaker, eligible_faces

LEFT = FaceCandidate(picture_count=100, size=80, x=100)
LARGE = FaceCandidate(picture_count=90, size=120, x=300)
RIGHT = FaceCandidate(picture_count=100, size=90, x=500)
PASSER_BY = FaceCandidate(picture_count=10, size=300, x=50)
POSTER = FaceCandidate(picture_count=100, size=20, x=20)
SCENE = [RIGHT, PASSER_BY, LARGE, POSTER, LEFT]


@pytest.mark.parametrize(
    ("choice", "face"),
    [("largest", LARGE), ("left", LEFT), ("right", RIGHT), (1, LEFT), (2, LARGE), (3, RIGHT)],
)
def test_passers_by_and_posters_do_not_count(choice: FaceChoice, face: FaceCandidate) -> None:
    number = choose_speaker(SCENE, choice)
    assert number is not None
    assert SCENE[number] is face


def test_a_number_that_no_face_has_chooses_none() -> None:
    assert choose_speaker(SCENE, 4) is None
    assert choose_speaker([], "largest") is None


def test_faces_are_counted_from_left_to_right() -> None:
    assert [SCENE[k].x for k in eligible_faces(SCENE)] == [100, 300, 500]


def test_a_large_face_that_stays_for_a_moment_is_not_the_largest_steady_one() -> None:
    short = FaceCandidate(picture_count=30, size=130, x=0)
    assert choose_speaker([short, LEFT], "largest") == 1


def test_the_speaker_before_a_cut_stays_speaker_beside_somebody_as_large() -> None:
    before = FaceCandidate(picture_count=100, size=90, x=0, spoke_before=True)
    assert (
        choose_speaker([FaceCandidate(picture_count=100, size=100, x=300), before], "largest") == 1
    )
    assert (
        choose_speaker([FaceCandidate(picture_count=100, size=150, x=300), before], "largest") == 0
    )
