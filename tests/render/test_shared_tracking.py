"""Several workers track the video of one job, with the real networks."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from heygem_daemon.errors import Interrupted
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import Assisted, Progress, Rendered
from heygem_daemon.render import shared_tracking
from heygem_daemon.render.assistance import assist_job
from heygem_daemon.render.chunk_claims import claim_chunk
from heygem_daemon.render.pipeline import render_job
from heygem_daemon.render.shared_tracking import TrackPiece, middle_of_longest_run
from tests.face.scenes import numbered
from tests.render.conftest import Bench, FakeEngine, write_tone

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120.0
PIECE, PIECES = 16, 5
OnProgress = Callable[[Progress], None]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As a worker tracks: more threads round otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The presenter, with a cut in the middle of a piece: 75 pictures."""
    target = tmp_path_factory.mktemp("clip") / "video.mp4"
    with VideoReader(ROOT / "demo" / "presenter.mp4") as reader:
        pictures = list(reader.read_range(0, 75))
    shown = [*pictures[:40], *(_darker(each) for each in pictures[40:])]
    first = pictures[0]
    size = first.width, first.height
    with SegmentWriter(target, *size, Fraction(25), first.colour) as writer:
        for picture in numbered(shown):
            writer.write(picture)
    return target


def _darker(picture: Picture) -> Picture:
    return replace(picture, y=(picture.y // 2 + 8))


@pytest.fixture(scope="module")
def tracker() -> FaceTracker:
    found = FaceTracker.load(ROOT / "weights" / "builtin")
    found.piece_pictures = PIECE
    return found


@pytest.fixture
def bench(clip: Path, tmp_path: Path) -> Bench:
    return Bench(
        tmp_path,
        write_tone(tmp_path / "audio.wav", 3.0),
        Path(shutil.copy2(clip, tmp_path / "video.mp4")),
    )


class Watched(FaceTracker):
    """A tracker that counts the pieces that are tracked with it."""

    def __init__(self, real: FaceTracker) -> None:
        self.__dict__.update(real.__dict__)
        self.pieces: list[int] = []

    def track_pieces(self, *arguments: object, **options: object):  # type: ignore[no-untyped-def]
        for piece in super().track_pieces(*arguments, **options):  # type: ignore[arg-type]
            self.pieces.append(piece.number)
            yield piece


def engine_with(tracker: FaceTracker) -> tuple[FakeEngine, list[int]]:
    engine, watched = FakeEngine(), Watched(tracker)
    engine.tracker = watched
    return engine, watched.pieces


def render(
    bench: Bench,
    engine: FakeEngine,
    on_progress: OnProgress = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Rendered:
    return render_job(engine, bench.request(), bench.cache, on_progress, should_stop)


def assist(
    bench: Bench,
    tracker: FaceTracker,
    name: str = "assistant-1",
    on_progress: OnProgress = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Assisted:
    folder = bench.folder / "work" / name
    folder.mkdir(parents=True)
    order = bench.request().model_copy(update={"job_id": name, "assistant": str(folder)})
    try:
        engine, _ = engine_with(tracker)
        return assist_job(engine, order, bench.cache, on_progress, should_stop)
    finally:
        end_assistant(folder)


def end_assistant(folder: Path) -> None:
    """Take what an assistant has made, as the daemon does."""
    for path in folder.glob("track-*"):
        if not (folder.parent / path.name).exists():
            path.rename(folder.parent / path.name)
    shutil.rmtree(folder)


@contextmanager
def worker_in_its_first_piece(bench: Bench, engine: FakeEngine) -> Iterator[Future[Rendered]]:
    """Yield a job whose worker waits in its first piece until the block ends."""
    begun, go_on = threading.Event(), threading.Event()

    def gate(progress: Progress) -> None:
        if progress.stage == "track" and 1 < progress.frames < PIECE:
            begun.set()
            assert go_on.wait(PATIENCE_SECONDS)

    with ThreadPoolExecutor(1) as thread, ExitStack() as stack:
        stack.callback(go_on.set)
        job = thread.submit(render, bench, engine, gate)
        assert begun.wait(PATIENCE_SECONDS)
        yield job


def track_files(bench: Bench) -> dict[str, bytes]:
    """The track in the cache, which is then emptied."""
    (folder,) = (bench.cache / "templates").iterdir()
    found = {path.name: path.read_bytes() for path in folder.glob("*.npy")}
    shutil.rmtree(bench.cache)
    return found


@pytest.fixture
def alone(bench: Bench, tracker: FaceTracker) -> dict[str, bytes]:
    """The track that one worker makes."""
    engine, pieces = engine_with(tracker)
    render(bench, engine)
    assert pieces == list(range(PIECES))
    found = track_files(bench)
    shutil.rmtree(bench.folder / "work")
    return found


def leftovers(bench: Bench) -> list[Path]:
    work = bench.folder / "work"
    return [each for each in work.iterdir() if "track" in each.name and "claim" not in each.name]


def test_two_workers_make_the_track_of_one_bit_for_bit(
    bench: Bench, tracker: FaceTracker, alone: dict[str, bytes]
) -> None:
    engine, pieces = engine_with(tracker)
    with worker_in_its_first_piece(bench, engine) as job:
        assert assist(bench, tracker) == Assisted(job_id="assistant-1", chunks=0, pieces=PIECES - 1)
    job.result(PATIENCE_SECONDS)
    assert pieces == [0]
    assert track_files(bench) == alone
    assert leftovers(bench) == []


def test_what_one_has_tracked_when_it_dies_is_used_and_its_piece_tracked_again(
    bench: Bench, tracker: FaceTracker, alone: dict[str, bytes]
) -> None:
    engine, pieces = engine_with(tracker)
    reported: list[int] = []

    def note(progress: Progress) -> None:
        reported.append(progress.pieces)

    with worker_in_its_first_piece(bench, engine) as job, pytest.raises(Interrupted):
        assist(bench, tracker, on_progress=note, should_stop=lambda: max(reported, default=0) >= 2)
    job.result(PATIENCE_SECONDS)
    assert len(pieces) == PIECES - 2
    assert track_files(bench) == alone


def test_two_assistants_never_track_the_same_piece(
    bench: Bench, tracker: FaceTracker, alone: dict[str, bytes]
) -> None:
    engine, _ = engine_with(tracker)
    names = ("assistant-1", "assistant-2")
    with worker_in_its_first_piece(bench, engine) as job, ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda name: assist(bench, tracker, name), names))
    job.result(PATIENCE_SECONDS)
    assert sum(each.pieces for each in answers) == PIECES - 1
    assert track_files(bench) == alone


def stop_in_the_third_piece(bench: Bench, tracker: FaceTracker) -> None:
    """Track two pieces, and end."""
    stop = threading.Event()

    def note(progress: Progress) -> None:
        if progress.stage == "track" and progress.pieces >= 2:
            stop.set()

    engine, _ = engine_with(tracker)
    with pytest.raises(Interrupted):
        render(bench, engine, note, stop.is_set)


def test_the_next_attempt_tracks_what_is_missing(
    bench: Bench, tracker: FaceTracker, alone: dict[str, bytes]
) -> None:
    stop_in_the_third_piece(bench, tracker)
    kept = len(list((bench.folder / "work").glob("track-*")))
    assert kept >= 2
    engine, pieces = engine_with(tracker)
    render(bench, engine)
    assert pieces == list(range(kept, PIECES))
    assert track_files(bench) == alone


def test_pieces_of_a_video_that_was_changed_meanwhile_are_not_used(
    bench: Bench, tracker: FaceTracker
) -> None:
    stop_in_the_third_piece(bench, tracker)
    times = bench.video.stat()
    bench.video.touch()
    os.utime(bench.video, ns=(times.st_atime_ns, times.st_mtime_ns))
    engine, pieces = engine_with(tracker)
    render(bench, engine)
    assert pieces == list(range(PIECES))


def test_a_piece_during_which_the_video_changes_gets_no_name(
    bench: Bench, tracker: FaceTracker
) -> None:
    seen: list[list[Path]] = []

    def change(progress: Progress) -> None:
        if progress.stage == "track" and progress.frames == 1:
            bench.video.chmod(0o600)
            bench.video.chmod(0o644)
        if progress.stage == "track" and progress.pieces == PIECES:
            seen.append(list((bench.folder / "work").glob("track-*")))

    engine, _ = engine_with(tracker)
    render(bench, engine, change)
    assert seen
    assert seen[-1] == []


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"\0" * 4096])
def test_a_damaged_piece_is_tracked_again(
    bench: Bench, tracker: FaceTracker, alone: dict[str, bytes], damage: bytes
) -> None:
    engine, pieces = engine_with(tracker)
    with worker_in_its_first_piece(bench, engine) as job:
        assist(bench, tracker)
        sorted((bench.folder / "work").glob("track-*"))[2].write_bytes(damage)
    job.result(PATIENCE_SECONDS)
    assert pieces == [0, 3]
    assert track_files(bench) == alone


def test_a_piece_whose_assistant_hangs_is_tracked_again(
    bench: Bench, tracker: FaceTracker, alone: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_tracking, "TAKE_BACK_SECONDS", 1.0)
    engine, pieces = engine_with(tracker)
    workspace = bench.folder / "work"
    with worker_in_its_first_piece(bench, engine) as job:
        (workspace / "assistant-1").mkdir()
        (offer,) = workspace.glob("tracking-*")
        source = offer.name.removeprefix("tracking-")
        assert claim_chunk(TrackPiece(source, 2, 0, 0), workspace, "assistant-1")
    job.result(PATIENCE_SECONDS)
    # In which order depends on how long the other pieces take here.
    assert sorted(pieces) == list(range(PIECES))
    assert track_files(bench) == alone


def test_nothing_is_tracked_for_a_job_that_does_not_track(
    bench: Bench, tracker: FaceTracker
) -> None:
    assert assist(bench, tracker).pieces == 0
    engine, _ = engine_with(tracker)
    render(bench, engine)
    shutil.rmtree(bench.folder / "work")
    assert assist(bench, tracker).pieces == 0


def test_a_video_of_one_piece_is_shared_with_nobody(
    bench: Bench, tracker: FaceTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "piece_pictures", 75)
    seen: set[str] = set()

    def note(progress: Progress) -> None:
        assert progress.all_pieces == 0
        if progress.stage == "track":
            seen.update(each.name for each in (bench.folder / "work").glob("*track*"))

    engine, pieces = engine_with(tracker)
    render(bench, engine, note)
    assert pieces == [0]
    assert seen == set()


def test_an_assistant_begins_in_the_middle_of_what_is_free() -> None:
    assert middle_of_longest_run([1, 2, 3, 4, 5, 9, 10]) == 3
    assert middle_of_longest_run([7]) == 7
    assert middle_of_longest_run([]) == 0
