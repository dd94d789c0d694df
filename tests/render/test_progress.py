from heygem_daemon.protocol import Progress
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.render.progress import ProgressReporter


def test_a_stage_is_told_when_it_begins_and_timed_when_it_ends() -> None:
    told: list[Progress] = []
    reporter = ProgressReporter("job", told.append)
    with reporter.stage("probe"):
        assert [progress.stage for progress in told] == ["probe"]
        assert reporter.stage_seconds == {}
    assert reporter.stage_seconds["probe"] >= 0


def test_each_block_of_sound_is_a_sign_of_life() -> None:
    told: list[Progress] = []
    assert list(ProgressReporter("job", told.append).report_listening("abc")) == ["a", "b", "c"]
    assert [progress.stage for progress in told] == ["listen"] * 3


def test_chunks_count_frames_and_name_themselves() -> None:
    told: list[Progress] = []
    chunks = ProgressReporter("job", told.append).chunk_reporter(2, 60)
    chunks.start_chunk(Chunk(0, 0, 40))
    chunks.advance(40)
    chunks.start_chunk(Chunk(1, 40, 60))
    chunks.advance(20)
    assert [(told_.chunk, told_.frames) for told_ in told] == [(1, 0), (1, 40), (2, 40), (2, 60)]
    assert {(progress.chunks, progress.total_frames) for progress in told} == {(2, 60)}


def test_a_chunk_taken_over_counts_as_done_but_not_as_speed() -> None:
    told: list[Progress] = []
    chunks = ProgressReporter("job", told.append).chunk_reporter(2, 60)
    chunks.skip_chunk(Chunk(0, 0, 40))
    assert (told[-1].frames, told[-1].fps) == (40, 0.0)


def test_a_chunk_begun_again_counts_from_its_first_frame() -> None:
    told: list[Progress] = []
    chunks = ProgressReporter("job", told.append).chunk_reporter(1, 40)
    chunks.start_chunk(Chunk(0, 0, 40))
    chunks.advance(30)
    chunks.start_chunk(Chunk(0, 0, 40))
    assert told[-1].frames == 0


def test_the_last_stages_tell_how_far_they_are() -> None:
    told: list[Progress] = []
    reporter = ProgressReporter("job", told.append)
    reporter.report_joined(250, 600)
    reporter.report_reviewed(25, 600)
    seen = [(progress.stage, progress.frames, progress.total_frames) for progress in told]
    assert seen == [("join", 250, 600), ("review", 25, 600)]
