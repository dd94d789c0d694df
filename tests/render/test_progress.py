import pytest

from heygem_daemon.errors import Interrupted
from heygem_daemon.protocol import Progress
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.render.progress import CHUNK_SECONDS, ProgressReporter, Stage


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


def test_chunks_count_frames_and_name_themselves() -> None:
    reported: list[Progress] = []
    chunks = ProgressReporter("job", reported.append).chunk_reporter(2, 60)
    chunks.start_chunk(Chunk(0, 0, 40))
    chunks.advance(40)
    chunks.start_chunk(Chunk(1, 40, 60))
    chunks.advance(20)
    assert [(each.chunk, each.frames) for each in reported] == [(1, 0), (1, 40), (2, 40), (2, 60)]
    assert {(progress.chunks, progress.total_frames) for progress in reported} == {(2, 60)}


def test_a_skipped_chunk_counts_as_done_but_not_for_the_rate() -> None:
    reported: list[Progress] = []
    chunks = ProgressReporter("job", reported.append).chunk_reporter(2, 60)
    chunks.skip_chunk(Chunk(0, 0, 40))
    assert (reported[-1].frames, reported[-1].fps) == (40, 0.0)


def test_a_chunk_begun_again_counts_from_its_first_frame() -> None:
    reported: list[Progress] = []
    chunks = ProgressReporter("job", reported.append).chunk_reporter(1, 40)
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
