"""Several workers draw the chunks of one job."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest
import torch

from heygem_daemon.engines.base import Template
from heygem_daemon.errors import Interrupted, SpoolUnavailable
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.protocol import Progress, Render, Rendered
from heygem_daemon.render.assistance import assist_job
from heygem_daemon.render.chunk_claims import claim_chunk, is_with_assistant
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.render.drawing import POLL_SECONDS
from heygem_daemon.render.pipeline import render_job
from tests.render.conftest import FakeEngine, FakePerformance, FakeTracker

if TYPE_CHECKING:
    from tests.render.conftest import Bench, MakeBench

PATIENCE_SECONDS = 120.0
CHUNKS = 7


class GatedPerformance(FakePerformance):
    """Calls ``gate`` before it draws."""

    gate: Callable[[], None]

    def draw(self, frames: Sequence[int], crops: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        self.gate()
        return super().draw(frames, crops)


class GatedEngine(FakeEngine):
    """The fake engine with such a performance."""

    def __init__(self, gate: Callable[[], None]) -> None:
        super().__init__()
        self.gate = gate

    def plan_performance(
        self, template: Template, speech: int, timeline: Timeline
    ) -> GatedPerformance:
        performance = GatedPerformance(template, timeline)
        performance.gate = self.gate
        return performance


@pytest.fixture
def bench(make_bench: "MakeBench") -> "Bench":
    return make_bench(3.0, 75)


def request(bench: "Bench", **changes: object) -> Render:
    return bench.request(chunk_seconds=0.48).model_copy(update=changes)


def render(
    bench: "Bench", engine: FakeEngine, on_progress: Callable[[Progress], None] = lambda _: None
) -> Rendered:
    return render_job(engine, request(bench), bench.cache, on_progress, lambda: False)


def folder_of(bench: "Bench") -> Path:
    return bench.folder / "work" / "assistant-1"


def assist(bench: "Bench", engine: FakeEngine | None = None, **changes: object) -> int:
    """Draw what an assistant may, and take it as the daemon does."""
    folder = folder_of(bench)
    folder.mkdir(parents=True)
    order = request(bench, job_id="1+1", assistant=str(folder), **changes)
    try:
        answer = assist_job(
            engine or FakeEngine(), order, bench.cache, lambda _: None, lambda: False
        )
    finally:
        end_assistant(bench)
    assert answer.job_id == "1+1"
    return answer.chunks


def end_assistant(bench: "Bench") -> None:
    for path in folder_of(bench).glob("segment-*"):
        path.rename(bench.folder / "work" / path.name)
    shutil.rmtree(folder_of(bench))


@contextmanager
def worker_at_its_first_chunk(bench: "Bench") -> Iterator[Future[Rendered]]:
    """Yield a job whose worker waits in its first chunk until the block ends."""
    begun, go_on = threading.Event(), threading.Event()

    def gate() -> None:
        begun.set()
        assert go_on.wait(PATIENCE_SECONDS)

    with ThreadPoolExecutor(1) as thread, ExitStack() as stack:
        stack.callback(go_on.set)
        job = thread.submit(render, bench, GatedEngine(gate))
        assert begun.wait(PATIENCE_SECONDS)
        yield job


def chunks_of(rendered: Rendered) -> dict[str, int]:
    report: dict[str, Any] = json.loads(Path(rendered.report).read_text())
    chunks: dict[str, int] = report["chunks"]
    return chunks


def segments(bench: "Bench") -> list[bytes]:
    return [path.read_bytes() for path in sorted((bench.folder / "work").glob("segment-*.mp4"))]


def pictures(path: Path) -> list[bytes]:
    """Return the encoded pictures of a file, in the order in which they are stored."""
    with av.open(str(path)) as container:
        return [bytes(each) for each in container.demux(video=0)]


def test_the_result_is_that_of_one_worker_bit_for_bit(
    bench: "Bench", make_bench: "MakeBench"
) -> None:
    alone = render(bench, FakeEngine())
    expected = pictures(Path(alone.result))
    for path in (bench.folder / "work").iterdir():
        path.unlink()
    with worker_at_its_first_chunk(bench) as job:
        assert assist(bench) == CHUNKS - 1
    shared = job.result(PATIENCE_SECONDS)
    assert pictures(Path(shared.result)) == expected
    assert chunks_of(shared) == {"drawn": 1, "resumed": 0, "retried": 0, "shared": CHUNKS - 1}


def test_the_chunk_of_an_assistant_that_ends_is_drawn_by_the_job_s_worker(bench: "Bench") -> None:
    drawn: list[None] = []

    def fail_in_the_third_chunk() -> None:
        drawn.append(None)
        if len(drawn) > 10:
            raise Interrupted("stopped")

    with worker_at_its_first_chunk(bench) as job, pytest.raises(Interrupted):
        assist(bench, GatedEngine(fail_in_the_third_chunk))
    found = chunks_of(job.result(PATIENCE_SECONDS))
    assert found["drawn"] + found["shared"] == CHUNKS
    assert 1 <= found["shared"] < CHUNKS - 1


def test_an_assistant_stops_in_the_middle_of_its_chunk(bench: "Bench") -> None:
    stop = threading.Event()
    folder = folder_of(bench)
    folder.mkdir(parents=True)
    order = request(bench, job_id="1+1", assistant=str(folder))
    with worker_at_its_first_chunk(bench) as job:
        with pytest.raises(Interrupted):
            assist_job(GatedEngine(stop.set), order, bench.cache, lambda _: None, stop.is_set)
        assert not list(folder.glob("segment-*"))
        end_assistant(bench)
        assert assist(bench) == CHUNKS - 1, "another draws what it had begun"
    assert chunks_of(job.result(PATIENCE_SECONDS))["shared"] == CHUNKS - 1


def test_the_job_s_worker_waits_for_a_chunk_that_another_draws(bench: "Bench") -> None:
    last, folder = Chunk(CHUNKS - 1, 0, 1), folder_of(bench)
    waits = threading.Event()

    def notice(progress: Progress) -> None:
        if progress.stage == "render" and progress.chunk == CHUNKS - 1 and progress.frames == 72:
            waits.set()

    workspace = bench.folder / "work"
    folder.mkdir(parents=True)

    def claim_last() -> None:
        claim_chunk(last, workspace, folder.name)

    with ThreadPoolExecutor(1) as thread:
        job = thread.submit(render, bench, GatedEngine(claim_last), notice)
        assert waits.wait(PATIENCE_SECONDS)
        time.sleep(5 * POLL_SECONDS)
        assert not last.segment_path(workspace).exists()
        end_assistant(bench)
        assert chunks_of(job.result(PATIENCE_SECONDS))["drawn"] == CHUNKS


def test_the_claims_of_earlier_attempts_count_no_more(bench: "Bench") -> None:
    folder = folder_of(bench)
    folder.mkdir(parents=True)
    for number in range(CHUNKS):
        assert claim_chunk(Chunk(number, 0, 1), folder.parent, folder.name)
    assert chunks_of(render(bench, FakeEngine()))["drawn"] == CHUNKS


@pytest.mark.parametrize(
    "claim", ["", "-", "assistant-gone", "assistant-/../work", "\0x", "9" * 99]
)
def test_a_claim_of_nobody_keeps_no_chunk_from_the_job_s_worker(bench: "Bench", claim: str) -> None:
    workspace = bench.folder / "work"
    (workspace / "assistant-").mkdir(parents=True)

    def claim_the_second() -> None:
        (workspace / "claim-00001").write_text(claim)

    found = render(bench, GatedEngine(claim_the_second))
    assert chunks_of(found)["drawn"] == CHUNKS


def test_what_an_assistant_writes_after_its_end_belongs_to_no_job(bench: "Bench") -> None:
    """A machine that is cut off draws on, and its folder is gone meanwhile."""
    order = request(bench, job_id="1+1", assistant=str(folder_of(bench)))
    folder_of(bench).mkdir(parents=True)

    def end() -> None:
        if folder_of(bench).exists():
            end_assistant(bench)

    with worker_at_its_first_chunk(bench) as job:
        with pytest.raises((SpoolUnavailable, OSError)):
            assist_job(GatedEngine(end), order, bench.cache, lambda _: None, lambda: False)
        before = sorted((bench.folder / "work").iterdir())
        late = assist_job(FakeEngine(), order, bench.cache, lambda _: None, lambda: False)
        assert late.chunks == 0
        assert sorted((bench.folder / "work").iterdir()) == before
        assert segments(bench) == []
    assert chunks_of(job.result(PATIENCE_SECONDS))["drawn"] == CHUNKS


def test_an_assistant_draws_nothing_for_a_job_with_other_options(bench: "Bench") -> None:
    with worker_at_its_first_chunk(bench) as job:
        assert assist(bench, options=bench.request(chunk_seconds=0.48, crf=30).options) == 0
    assert chunks_of(job.result(PATIENCE_SECONDS))["shared"] == 0


def test_an_assistant_never_tracks(bench: "Bench") -> None:
    engine = FakeEngine()
    engine.tracker = tracker = FakeTracker()
    assert assist(bench, engine) == 0
    assert tracker.followed == 0


def test_one_of_two_gets_a_chunk(tmp_path: Path) -> None:
    chunk = Chunk(0, 0, 1)
    (tmp_path / "assistant-1").mkdir()
    assert claim_chunk(chunk, tmp_path, "assistant-1")
    assert not claim_chunk(chunk, tmp_path)
    assert is_with_assistant(chunk, tmp_path)
    (tmp_path / "assistant-1").rmdir()
    assert not is_with_assistant(chunk, tmp_path)


def test_a_link_in_the_place_of_a_claim_is_not_followed(tmp_path: Path) -> None:
    chunk, foreign = Chunk(0, 0, 1), tmp_path / "foreign"
    chunk.claim_path(tmp_path).symlink_to(foreign)
    assert not claim_chunk(chunk, tmp_path, "assistant-1")
    assert not foreign.exists()
    foreign.write_text("assistant-1")
    (tmp_path / "assistant-1").mkdir()
    assert not is_with_assistant(chunk, tmp_path)
