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
from tests.render.conftest import FPS, Painter, Painting, write_video

if TYPE_CHECKING:
    from heygem_daemon.media.picture import Picture

FRAMES = 30

Watched = tuple[RenderContext, Template]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    painter = Painter()
    video = write_video(tmp_path / "video.mp4", FRAMES)
    with VideoReader(video) as reader:
        cache = tmp_path / "cache"
        template = prepare_template(
            reader, "0" * 64, FRAMES, painter.tracker, cache, lambda *_: None
        )
        timeline = Timeline(FPS, np.arange(FRAMES, dtype=np.int32))
        painting = Painting(template, timeline)
        yield RenderContext(reader, timeline, painter, painting, RenderOptions()), template


def sources(scene: RenderContext) -> "list[tuple[int, Picture]]":
    return list(enumerate(scene.reader.read_range()))


def test_some_of_the_frames_that_will_be_reviewed_are_measured(watched: Watched) -> None:
    scene, template = watched
    before = SourceSamples(scene, template, range(10, FRAMES), None)
    for frame, picture in sources(scene):
        before.add(frame, picture)
    assert set(before.sharpness_by_frame) == set(range(10, FRAMES, SHARPNESS_INTERVAL_FRAMES))
    assert all(edge > 0 for edge in before.sharpness_by_frame.values())


def test_what_was_drawn_in_an_earlier_attempt_is_looked_up(watched: Watched) -> None:
    scene, template = watched
    whole, resumed = (SourceSamples(scene, template, range(FRAMES), None) for _ in range(2))
    for frame, picture in sources(scene):
        whole.add(frame, picture)
        if frame >= 20:
            resumed.add(frame, picture)
    assert set(resumed.sharpness_by_frame) < set(whole.sharpness_by_frame)
    resumed.add_missing()
    assert resumed.sharpness_by_frame == whole.sharpness_by_frame


def test_nothing_is_decoded_again_where_all_was_seen(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, template = watched
    strip = ComparisonStrip(scene, template, range(FRAMES))
    before = SourceSamples(scene, template, range(FRAMES), strip)
    for frame, picture in sources(scene):
        before.add(frame, picture)
    asked: list[int] = []

    def sequence(_reader: VideoReader, numbers: list[int]) -> "Iterator[Picture]":
        asked.extend(numbers)
        return iter(())

    monkeypatch.setattr(VideoReader, "read_indices", sequence)
    before.add_missing()
    assert asked == []


def test_the_strip_is_shown_its_moments(watched: Watched, tmp_path: Path) -> None:
    scene, template = watched
    strip = ComparisonStrip(scene, template, range(FRAMES))
    before = SourceSamples(scene, template, range(FRAMES), strip)
    before.add_missing()
    assert len(set(strip.moments)) == MOMENTS
    for frame, picture in sources(scene):
        strip.add_result(frame, picture)
    assert strip.write(tmp_path / "strip.png").exists()
