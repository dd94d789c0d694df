"""Several workers draw the chunks of one job."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest
import torch

from heygem_daemon.engines.base import Template
from heygem_daemon.errors import Interrupted
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.protocol import Progress, Render, Rendered
from heygem_daemon.render import chunk_locks
from heygem_daemon.render.assistance import assist_job
from heygem_daemon.render.chunk_locks import take_chunk
from heygem_daemon.render.chunks import Chunk
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


def assist(bench: "Bench", engine: FakeEngine | None = None, **changes: object) -> int:
    order = request(bench, job_id="1+1", assistant=1, **changes)
    answer = assist_job(engine or FakeEngine(), order, bench.cache, lambda _: None, lambda: False)
    assert answer.job_id == "1+1"
    return answer.chunks


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
    assert not list((bench.folder / "work").glob("assistant-*"))


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
    order = request(bench, job_id="1+1", assistant=1)
    with worker_at_its_first_chunk(bench):
        with pytest.raises(Interrupted):
            assist_job(GatedEngine(stop.set), order, bench.cache, lambda _: None, stop.is_set)
        assert segments(bench) == []


def test_the_job_s_worker_waits_for_a_chunk_that_another_draws(bench: "Bench") -> None:
    last = Chunk(CHUNKS - 1, 0, 1)
    waits = threading.Event()

    def notice(progress: Progress) -> None:
        if progress.stage == "render" and progress.chunk == CHUNKS - 1 and progress.frames == 72:
            waits.set()

    workspace = bench.folder / "work"
    workspace.mkdir(exist_ok=True)
    with ThreadPoolExecutor(1) as thread:
        with take_chunk(last, workspace) as is_free:
            assert is_free
            job = thread.submit(render, bench, FakeEngine(), notice)
            assert waits.wait(PATIENCE_SECONDS)
            assert not last.segment_path(workspace).exists()
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


def test_without_locks_the_job_s_worker_draws_everything(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_locks, "_try_lock", lambda _handle: None)
    with worker_at_its_first_chunk(bench) as job:
        assert assist(bench) == 0
    assert chunks_of(job.result(PATIENCE_SECONDS))["drawn"] == CHUNKS


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    chunk, foreign = Chunk(0, 0, 1), tmp_path / "foreign"
    chunk.lock_path(tmp_path).symlink_to(foreign)
    with pytest.raises(OSError, match="symbolic"), take_chunk(chunk, tmp_path):
        pass
    assert not foreign.exists()
