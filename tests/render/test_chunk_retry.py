"""Chunks where memory is short: smaller batches, smaller pieces, and always the same frames."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from heygem_daemon.engines.base import Template
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import Rendered
from heygem_daemon.render.chunk_retry import MIN_PIECE_FRAMES
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.render.pipeline import render_job
from tests.render.conftest import FakeEngine, FakePerformance

if TYPE_CHECKING:
    from tests.render.conftest import Bench, MakeBench

pytestmark = pytest.mark.slow

RoomForPictures = Callable[[int], int]


class LowMemoryPerformance(FakePerformance):
    """Draws on a device that has memory for ``room(n)`` pictures at its n-th call."""

    room: RoomForPictures
    calls = 0

    def draw(self, frames: Sequence[int], crops: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        self.calls += 1
        if len(frames) > self.room(self.calls):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return super().draw(frames, crops)


class LowMemoryEngine(FakeEngine):
    """The fake engine on such a device."""

    def __init__(self, room: RoomForPictures) -> None:
        super().__init__()
        self.room = room

    def plan_performance(
        self, template: Template, speech: int, timeline: Timeline
    ) -> LowMemoryPerformance:
        performance = LowMemoryPerformance(template, timeline)
        performance.room = self.room
        return performance


def run(engine: FakeEngine, bench: "Bench") -> Rendered:
    request = bench.request(chunk_seconds=3.0, crf=1)
    return render_job(engine, request, bench.cache, bench.progress.append, lambda: False)


def report_of(rendered: Rendered) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(Path(rendered.report).read_text())
    return report


def names(bench: "Bench") -> list[str]:
    return sorted(path.name for path in (bench.folder / "work").glob("segment-*.mp4"))


def levels(rendered: Rendered) -> list[int]:
    with VideoReader(Path(rendered.result)) as reader:
        return [int(picture.y[24:40, 28:52].mean().round()) for picture in reader.read_range()]


@pytest.fixture
def bench(make_bench: "MakeBench") -> "Bench":
    return make_bench(3.0, 40)


def test_too_little_memory_makes_batches_smaller_and_is_reported(bench: "Bench") -> None:
    rendered = run(LowMemoryEngine(lambda call: 2), bench)
    report = report_of(rendered)
    assert names(bench) == ["segment-00000.mp4"]
    assert report["warnings"][-1] == "Memory ran out; the batch is now 2 pictures."
    assert report["chunks"] == {"drawn": 1, "resumed": 0, "retried": 0, "shared": 0}
    assert levels(rendered) == [16 + frame for frame in range(75)]


def test_a_job_begins_with_as_many_frames_as_are_free_on_the_device(bench: "Bench") -> None:
    engine = FakeEngine()
    engine.bytes_per_frame = 1 << 50
    rendered = run(engine, bench)
    assert engine.batch_sizes == [1]
    assert "drawing began with 1 frame at once rather than 4" in str(report_of(rendered))
    assert levels(rendered) == [16 + frame for frame in range(75)]


def test_a_temporary_lack_of_memory_is_overcome_in_smaller_pieces(bench: "Bench") -> None:
    rendered = run(LowMemoryEngine(lambda call: 4 if call < 12 or call > 14 else 0), bench)
    assert names(bench) == ["segment-00000a.mp4", "segment-00000b.mp4"]
    assert "Memory ran out; chunks were drawn in smaller pieces." in report_of(rendered)["warnings"]
    assert levels(rendered) == [16 + frame for frame in range(75)]


def test_pieces_drawn_before_memory_ran_out_are_kept_for_the_next_attempt(
    bench: "Bench",
) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        run(LowMemoryEngine(lambda call: 4 if call < 12 or 14 < call < 56 else 0), bench)
    kept = names(bench)
    assert kept[0] == "segment-00000a.mp4"
    rendered = run(LowMemoryEngine(lambda call: 4), bench)
    assert set(kept) < set(names(bench))
    report = report_of(rendered)
    assert report["chunks"]["resumed"] == len(kept)
    assert levels(rendered) == [16 + frame for frame in range(75)]


def test_a_broken_device_is_not_used_again(bench: "Bench") -> None:
    engine = FakeEngine()
    engine.faults += [torch.AcceleratorError("CUDA error: unspecified launch failure")] * 2
    with pytest.raises(torch.AcceleratorError):
        run(engine, bench)
    assert len(engine.faults) == 1


def test_pieces_cover_their_chunk_and_have_files_of_their_own(tmp_path: Path) -> None:
    chunk = Chunk(2, 100, 100 + 2 * MIN_PIECE_FRAMES + 1)
    first, second = chunk.halves()
    assert (first.first, first.stop, second.stop) == (100, second.first, chunk.stop)
    assert second.halves()[0].segment_path(tmp_path).name == "segment-00002ba.mp4"
    assert not chunk.has_pieces(tmp_path)
    second.halves()[0].segment_path(tmp_path).touch()
    assert chunk.has_pieces(tmp_path)
    assert second.has_pieces(tmp_path)
    assert not first.has_pieces(tmp_path)
    assert not second.halves()[0].has_pieces(tmp_path)
