from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from heygem_daemon.engines.base import Template
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import RenderOptions
from heygem_daemon.render.draw import RenderContext
from heygem_daemon.render.source_samples import SHARPNESS_INTERVAL_FRAMES, SourceSamples
from heygem_daemon.render.strip import MOMENTS, ComparisonStrip
from heygem_daemon.render.template import prepare_template
from tests.render.conftest import FPS, FakeEngine, FakePerformance, write_video

if TYPE_CHECKING:
    from heygem_daemon.media.picture import Picture

FRAMES = 30

Job = tuple[RenderContext, Template]


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    engine = FakeEngine()
    video = write_video(tmp_path / "video.mp4", FRAMES)
    with VideoReader(video) as reader:
        cache = tmp_path / "cache"
        template = prepare_template(
            reader, "0" * 64, FRAMES, engine.tracker, cache, lambda *_: None
        )
        timeline = Timeline(FPS, np.arange(FRAMES, dtype=np.int32))
        painting = FakePerformance(template, timeline)
        yield RenderContext(reader, timeline, engine, painting, RenderOptions()), template


def sources(context: RenderContext) -> "list[tuple[int, Picture]]":
    return list(enumerate(context.reader.read_range()))


def test_some_of_the_frames_that_will_be_reviewed_are_measured(job: Job) -> None:
    context, template = job
    samples = SourceSamples(context, template, range(10, FRAMES), None)
    for frame, picture in sources(context):
        samples.add(frame, picture)
    assert set(samples.sharpness_by_frame) == set(range(10, FRAMES, SHARPNESS_INTERVAL_FRAMES))
    assert all(edge > 0 for edge in samples.sharpness_by_frame.values())


def test_frames_of_an_earlier_attempt_are_sampled_later(job: Job) -> None:
    context, template = job
    whole, resumed = (SourceSamples(context, template, range(FRAMES), None) for _ in range(2))
    for frame, picture in sources(context):
        whole.add(frame, picture)
        if frame >= 20:
            resumed.add(frame, picture)
    assert set(resumed.sharpness_by_frame) < set(whole.sharpness_by_frame)
    resumed.add_missing()
    assert resumed.sharpness_by_frame == whole.sharpness_by_frame


def test_nothing_is_decoded_again_if_all_frames_were_added(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, template = job
    strip = ComparisonStrip(context, template, range(FRAMES))
    samples = SourceSamples(context, template, range(FRAMES), strip)
    for frame, picture in sources(context):
        samples.add(frame, picture)
    decoded: list[int] = []

    def read_indices(_reader: VideoReader, numbers: list[int]) -> "Iterator[Picture]":
        decoded.extend(numbers)
        return iter(())

    monkeypatch.setattr(VideoReader, "read_indices", read_indices)
    samples.add_missing()
    assert decoded == []


def test_the_strip_gets_its_frames(job: Job, tmp_path: Path) -> None:
    context, template = job
    strip = ComparisonStrip(context, template, range(FRAMES))
    samples = SourceSamples(context, template, range(FRAMES), strip)
    samples.add_missing()
    assert len(set(strip.moments)) == MOMENTS
    for frame, picture in sources(context):
        strip.add_result(frame, picture)
    assert strip.write(tmp_path / "strip.png").exists()
