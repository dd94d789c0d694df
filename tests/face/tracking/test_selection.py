import pytest

from heygem_daemon.config.choices import FaceChoice
from heygem_daemon.face.tracking.selection import Face, chosen, counted

LEFT = Face(pictures=100, size=80, x=100)
LARGE = Face(pictures=90, size=120, x=300)
RIGHT = Face(pictures=100, size=90, x=500)
PASSER_BY = Face(pictures=10, size=300, x=50)
POSTER = Face(pictures=100, size=20, x=20)
SCENE = [RIGHT, PASSER_BY, LARGE, POSTER, LEFT]


@pytest.mark.parametrize(
    ("choice", "face"),
    [("largest", LARGE), ("left", LEFT), ("right", RIGHT), (1, LEFT), (2, LARGE), (3, RIGHT)],
)
def test_passers_by_and_posters_do_not_count(choice: FaceChoice, face: Face) -> None:
    number = chosen(SCENE, choice)
    assert number is not None
    assert SCENE[number] is face


def test_a_number_that_no_face_has_chooses_none() -> None:
    assert chosen(SCENE, 4) is None
    assert chosen([], "largest") is None


def test_faces_are_counted_from_left_to_right() -> None:
    assert [SCENE[k].x for k in counted(SCENE)] == [100, 300, 500]


def test_a_large_face_that_stays_for_a_moment_is_not_the_largest_steady_one() -> None:
    short = Face(pictures=30, size=130, x=0)
    assert chosen([short, LEFT], "largest") == 1


def test_who_spoke_before_a_cut_goes_on_beside_somebody_as_large() -> None:
    before = Face(pictures=100, size=90, x=0, spoke=True)
    assert chosen([Face(pictures=100, size=100, x=300), before], "largest") == 1
    assert chosen([Face(pictures=100, size=150, x=300), before], "largest") == 0
