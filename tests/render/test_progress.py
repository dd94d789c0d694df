from pathlib import Path

import pytest

from heygem_daemon.errors import Interrupted
from heygem_daemon.protocol import Progress
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.render.progress import (
    CHUNK_SECONDS,
    ProgressReporter,
    ReviewReporter,
    Stage,
)


def test_a_stage_is_reported_when_it_begins_and_timed_when_it_ends() -> None:
    reported: list[Progress] = []
    reporter = ProgressReporter("job", reported.append)
    with reporter.stage("probe"):
        assert [progress.stage for progress in reported] == ["probe"]
        assert reporter.stage_seconds == {}
    assert reporter.stage_seconds["probe"] >= 0


class Time:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_steps_are_reported_once_a_second_and_count_up() -> None:
    reported: list[Progress] = []
    clock = Time()
    reporter = ProgressReporter("job", reported.append, clock=clock)
    reporter.report_tracked(10, 40)
    for now in (0.1, 0.9, 1.0, 1.5, 2.0):
        clock.now = now
        reporter.step()
    assert [(each.stage, each.frames, each.steps) for each in reported] == [
        ("track", 10, 0),
        ("track", 10, 3),
        ("track", 10, 5),
    ]
    assert list(reporter.report_steps("abc")) == ["a", "b", "c"]


@pytest.mark.parametrize("stage", ["probe", "listen", "track", "join", "review"])
def test_a_stop_ends_a_stage_at_its_next_step(stage: Stage) -> None:
    stopped = [False]
    reporter = ProgressReporter("job", lambda _: None, lambda: stopped[0])
    with reporter.stage(stage):
        reporter.step()
        stopped[0] = True
        with pytest.raises(Interrupted, match=stage):
            reporter.step()


def test_a_stop_leaves_some_seconds_to_finish_a_chunk() -> None:
    clock = Time()
    reporter = ProgressReporter("job", lambda _: None, lambda: clock.now >= 5, clock)
    with reporter.stage("render"):
        for now in (0.0, 5.0, 5.0 + CHUNK_SECONDS - 0.1):
            clock.now = now
            reporter.step()
        clock.now = 5.0 + CHUNK_SECONDS
        with pytest.raises(Interrupted):
            reporter.step()


TWO = [Chunk(0, 0, 40), Chunk(1, 40, 60)]


def test_chunks_count_frames_and_name_themselves(tmp_path: Path) -> None:
    reported: list[Progress] = []
    chunks = ProgressReporter("job", reported.append).chunk_reporter(TWO, tmp_path)
    chunks.start_chunk(Chunk(0, 0, 40))
    chunks.advance(40)
    chunks.start_chunk(Chunk(1, 40, 60))
    chunks.advance(20)
    assert [(each.chunk, each.frames) for each in reported] == [(1, 0), (1, 40), (2, 40), (2, 60)]
    assert {(progress.chunks, progress.total_frames) for progress in reported} == {(2, 60)}


def test_a_skipped_chunk_counts_as_done_but_not_for_the_rate(tmp_path: Path) -> None:
    reported: list[Progress] = []
    TWO[0].segment_path(tmp_path).touch()
    chunks = ProgressReporter("job", reported.append).chunk_reporter(TWO, tmp_path)
    chunks.skip_chunk(Chunk(0, 0, 40))
    assert (reported[-1].frames, reported[-1].fps) == (40, 0.0)


def test_pieces_of_an_earlier_attempt_do_not_count_for_the_rate(tmp_path: Path) -> None:
    reported: list[Progress] = []
    chunks = ProgressReporter("job", reported.append).chunk_reporter(TWO, tmp_path)
    first, second = TWO[0].halves()
    chunks.skip_chunk(first)
    assert (reported[-1].frames, reported[-1].fps) == (20, 0.0)
    chunks.start_chunk(second)
    chunks.advance(20)
    assert reported[-1].frames == 40
    assert reported[-1].fps > 0


def test_what_others_finish_counts_as_soon_as_it_is_seen(tmp_path: Path) -> None:
    reported: list[Progress] = []
    plan = [Chunk(number, 10 * number, 10 * number + 10) for number in range(4)]
    chunks = ProgressReporter("job", reported.append).chunk_reporter(plan, tmp_path)
    chunks.start_chunk(plan[0])
    chunks.advance(10)
    plan[1].segment_path(tmp_path).touch()
    chunks.start_chunk(plan[2])  # while somebody else draws the last one
    assert reported[-1].frames == 20
    chunks.advance(10)
    chunks.skip_chunk(plan[1])
    assert [each.frames for each in reported[-2:]] == [30, 30]
    assert reported[-1].fps > 0, "what others draw counts for the rate"


def test_a_chunk_begun_again_counts_from_its_first_frame(tmp_path: Path) -> None:
    reported: list[Progress] = []
    chunks = ProgressReporter("job", reported.append).chunk_reporter(TWO[:1], tmp_path)
    chunks.start_chunk(Chunk(0, 0, 40))
    chunks.advance(30)
    chunks.start_chunk(Chunk(0, 0, 40))
    assert reported[-1].frames == 0


def test_the_last_stages_report_their_progress() -> None:
    reported: list[Progress] = []
    reporter = ProgressReporter("job", reported.append)
    reporter.report_joined(250, 600)
    reporter.report_reviewed(25, 600)
    stages = [(progress.stage, progress.frames, progress.total_frames) for progress in reported]
    assert stages == [("join", 250, 600), ("review", 25, 600)]


def test_a_review_is_as_far_as_the_measuring_behind_it() -> None:
    """All pictures of a short result were checked at once, and "99 %" stood for most of it."""
    reported: list[Progress] = []
    review = ReviewReporter(ProgressReporter("job", reported.append), 200)
    review.note_measured(0, 50)
    review.note_checked(175)
    review.note_measured(10, 50)
    review.note_measured(50, 50)
    review.note_checked(200)
    assert [progress.frames for progress in reported] == [0, 0, 40, 175, 200]
    unmeasured = ReviewReporter(ProgressReporter("job", reported.append), 200)
    unmeasured.note_checked(25)
    assert reported[-1].frames == 25
