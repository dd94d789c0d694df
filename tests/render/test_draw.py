"""Chunks are drawn in batches."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heygem_daemon.engines.base import Template
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.media.timeline import build_timeline
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import RenderOptions
from heygem_daemon.render.chunks import split_frames
from heygem_daemon.render.draw import RenderContext, draw_chunk, paint, split_batches
from tests.render.conftest import FPS, FakePerformance

if TYPE_CHECKING:
    from tests.render.conftest import FakeEngine, MakeBench

FRAMES = 30


@pytest.fixture
def context(engine: "FakeEngine", make_bench: "MakeBench") -> RenderContext:
    bench = make_bench(1.2, 20)
    reader = VideoReader(bench.video)
    timeline = build_timeline(reader.timestamps, FPS, FRAMES, "pingpong")
    present = np.ones(20, np.bool_)
    present[[3, 4]] = False
    track = Track(np.zeros((20, 478, 3), np.float32), present, np.ones(20, np.float32))
    info = reader.info
    template = Template(
        bench.video, "key", bench.folder, info.width, info.height, info.colour, track
    )
    performance = FakePerformance(template, timeline, engine.faults)
    return RenderContext(reader, timeline, engine, performance, RenderOptions(crf=1))


def test_batches_are_consecutive_and_the_last_may_be_short() -> None:
    assert list(split_batches(range(7), lambda: 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(split_batches([], lambda: 3)) == []


def test_batches_follow_a_size_that_changes() -> None:
    sizes = iter([3, 1, 2, 2, 2])
    assert list(split_batches(range(7), lambda: next(sizes))) == [[0, 1, 2], [3], [4, 5], [6]]


@pytest.mark.parametrize("size", [1, 4, 30])
def test_the_batch_size_changes_no_frame(context: RenderContext, size: int) -> None:
    def painted(size: int) -> list[bytes]:
        sources = context.reader.read_indices(context.timeline.source_indices.tolist())
        numbered = zip(range(FRAMES), sources, strict=True)
        return [
            picture.y.tobytes()
            for batch in split_batches(numbered, lambda: size)
            for picture in paint(context, batch)
        ]

    assert painted(size) == painted(7)


def test_a_frame_without_a_region_is_the_source_itself(context: RenderContext) -> None:
    sources = list(context.reader.read_range(2, 6))
    painted = paint(context, list(zip(range(2, 6), sources, strict=True)))
    untouched = [after is before for before, after in zip(sources, painted, strict=True)]
    assert untouched == [False, True, True, False]


def test_a_chunk_shows_its_own_frames_of_the_looped_video(
    context: RenderContext, tmp_path: Path
) -> None:
    chunk = split_frames(FRAMES, FPS, 0.4)[2]
    reported: list[int] = []
    draw_chunk(context, chunk, tmp_path / "segment.mp4", reported.append)
    assert reported == [4, 4, 2]
    with VideoReader(tmp_path / "segment.mp4") as reader:
        levels = [int(picture.y[24:40, 28:52].mean().round()) for picture in reader.read_range()]
    assert levels == [16 + frame for frame in range(chunk.first, chunk.stop)]


def test_a_chunk_that_fails_leaves_no_segment(context: RenderContext, tmp_path: Path) -> None:
    assert isinstance(context.performance, FakePerformance)
    context.performance.faults.append(RuntimeError("in the middle"))
    with pytest.raises(RuntimeError, match="in the middle"):
        draw_chunk(
            context, split_frames(FRAMES, FPS, 10)[0], tmp_path / "segment.mp4", lambda _: None
        )
    assert list(tmp_path.glob("segment*")) == []
