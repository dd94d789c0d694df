from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from heygem_daemon.render.template import pictures_to_track

FPS = Fraction(25)


def test_a_short_sound_still_gets_half_a_minute_of_mouths() -> None:
    assert pictures_to_track(available=5000, needed=40, fps=FPS) == 750


def test_a_video_shorter_than_that_is_tracked_whole() -> None:
    assert pictures_to_track(available=100, needed=40, fps=FPS) == 100


def test_sounds_of_similar_length_share_a_template() -> None:
    lengths = {pictures_to_track(100_000, needed, FPS) for needed in range(751, 1501, 50)}
    assert lengths == {1500}


@given(
    available=st.integers(1, 100_000),
    share=st.floats(0, 1),
    fps=st.fractions(1, 120),
)
def test_what_is_shown_is_tracked_and_nothing_that_is_not_there(
    available: int, share: float, fps: Fraction
) -> None:
    needed = max(1, round(share * available))
    count = pictures_to_track(available, needed, fps)
    assert needed <= count <= available
