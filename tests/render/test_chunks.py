from fractions import Fraction
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from heygem_daemon.render.chunks import (
    encoded_audio_path,
    find_segments,
    reset_stale_workspace,
    split_frames,
)


@given(
    frames=st.integers(1, 5000),
    fps=st.fractions(1, 120),
    seconds=st.floats(0.01, 100),
)
def test_chunks_cover_every_frame_once(frames: int, fps: Fraction, seconds: float) -> None:
    chunks = split_frames(frames, fps, seconds)
    covered = [frame for chunk in chunks for frame in range(chunk.first, chunk.stop)]
    assert covered == list(range(frames))
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))


def test_a_chunk_has_the_configured_length() -> None:
    chunks = split_frames(2000, Fraction(25), 30)
    assert [chunk.frame_count for chunk in chunks] == [750, 750, 500]


def test_segments_of_the_same_plan_are_kept(tmp_path: Path) -> None:
    plan: dict[str, object] = {"engine": "builtin", "chunk_seconds": 30.0}
    reset_stale_workspace(tmp_path, plan)
    finished = split_frames(100, Fraction(25), 1)[2].segment_path(tmp_path)
    finished.write_bytes(b"segment")
    reset_stale_workspace(tmp_path, dict(plan))
    assert list(find_segments(tmp_path)) == [finished]


def test_segments_of_another_plan_are_removed(tmp_path: Path) -> None:
    reset_stale_workspace(tmp_path, {"weights": "old"})
    split_frames(100, Fraction(25), 1)[0].segment_path(tmp_path).write_bytes(b"segment")
    reset_stale_workspace(tmp_path, {"weights": "new"})
    assert list(find_segments(tmp_path)) == []


def test_segments_without_a_readable_plan_are_removed(tmp_path: Path) -> None:
    split_frames(100, Fraction(25), 1)[0].segment_path(tmp_path).write_bytes(b"segment")
    (tmp_path / "plan.json").write_text("{ torn")
    reset_stale_workspace(tmp_path, {})
    assert list(find_segments(tmp_path)) == []


def test_the_sound_is_kept_and_removed_with_the_segments(tmp_path: Path) -> None:
    reset_stale_workspace(tmp_path, {"audio": "old"})
    encoded_audio_path(tmp_path).write_bytes(b"sound")
    reset_stale_workspace(tmp_path, {"audio": "old"})
    assert encoded_audio_path(tmp_path).exists()
    reset_stale_workspace(tmp_path, {"audio": "new"})
    assert not encoded_audio_path(tmp_path).exists()
