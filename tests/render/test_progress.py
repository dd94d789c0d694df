from heygem_daemon.protocol import Progress
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.render.progress import ProgressReporter


def test_a_stage_is_reported_when_it_begins_and_timed_when_it_ends() -> None:
    reported: list[Progress] = []
    reporter = ProgressReporter("job", reported.append)
    with reporter.stage("probe"):
        assert [progress.stage for progress in reported] == ["probe"]
        assert reporter.stage_seconds == {}
    assert reporter.stage_seconds["probe"] >= 0


def test_each_block_of_sound_is_reported() -> None:
    reported: list[Progress] = []
    assert list(ProgressReporter("job", reported.append).report_listening("abc")) == ["a", "b", "c"]
    assert [progress.stage for progress in reported] == ["listen"] * 3


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
