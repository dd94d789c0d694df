import errno
import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heygem_daemon.errors import BadInput, Interrupted
from heygem_daemon.render.pipeline import render_job
from heygem_daemon.render.template import pictures_to_track, require_face, reserve

if TYPE_CHECKING:
    from tests.render.conftest import FakeEngine, MakeBench

FPS = Fraction(25)


def test_for_a_short_sound_half_a_minute_is_tracked() -> None:
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
def test_all_shown_pictures_are_tracked_and_none_beyond_the_video(
    available: int, share: float, fps: Fraction
) -> None:
    needed = max(1, round(share * available))
    count = pictures_to_track(available, needed, fps)
    assert needed <= count <= available


def test_disk_space_for_a_template_is_reserved_before_it_is_written(tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    sparse.touch()
    os.truncate(sparse, 1 << 20)
    reserve(sparse)
    assert sparse.stat().st_size == 1 << 20
    assert sparse.stat().st_blocks * 512 >= 1 << 20


def test_a_full_disk_is_an_error_of_the_system_and_leaves_nothing(
    engine: "FakeEngine", make_bench: "MakeBench", monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    bench = make_bench(1.0, 40)
    with pytest.raises(OSError, match="No space left"):
        render_job(engine, bench.request(), bench.cache, bench.progress.append, lambda: False)
    assert list((bench.cache / "templates").iterdir()) == []


def test_a_tracking_that_is_stopped_leaves_nothing(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(1.0, 40)

    def is_tracking() -> bool:
        return any(each.stage == "track" for each in bench.progress)

    with pytest.raises(Interrupted):
        render_job(engine, bench.request(), bench.cache, bench.progress.append, is_tracking)
    assert list((bench.cache / "templates").iterdir()) == []


def test_a_face_number_that_no_shot_shows_is_refused() -> None:
    require_face(2, max_faces=2)
    require_face("left", max_faces=1)
    require_face(3, max_faces=0)
    with pytest.raises(BadInput) as caught:
        require_face(3, max_faces=2)
    assert caught.value.reason == (
        "Face 3 from the left was requested, but the video shows no more than 2 faces at a time."
    )
    assert "1 (leftmost) to 2" in caught.value.remedy


@pytest.mark.slow
def test_each_choice_has_a_template_of_its_own(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(1.0, 40)
    for face in ("largest", "left", "largest"):
        request = bench.request(face=face)
        render_job(engine, request, bench.cache, bench.progress.append, lambda: False)
    keys = sorted(path.name.split("-")[2] for path in (bench.cache / "templates").iterdir())
    assert keys == ["largest", "left"]


def test_a_number_too_high_fails_the_job_and_leaves_no_template(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(1.0, 40)
    with pytest.raises(BadInput, match="no more than one face"):
        render_job(engine, bench.request(face=2), bench.cache, bench.progress.append, lambda: False)
    assert list((bench.cache / "templates").iterdir()) == []
