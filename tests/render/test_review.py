"""The review, with an engine that paints the aperture as a grey and a tracker that reads it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from heygem_daemon.config.choices import FaceChoice
from heygem_daemon.engines.base import Box, Template
from heygem_daemon.engines.strength import FADE_FRAMES
from heygem_daemon.face.reading.landmarks import APERTURE_PAIRS
from heygem_daemon.face.tracking.multi_face import OnFace
from heygem_daemon.face.tracking.smoothing import FaceSample
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.video_codecs import EncoderSettings
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import RenderOptions
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.render.draw import RenderContext, draw_chunk
from heygem_daemon.render.quality import SHARPNESS, Quality
from heygem_daemon.render.review import (
    OnMeasured,
    ReviewSelection,
    choose_windows,
    crop_picture,
    face_box,
    ignore_measured,
    measure_quality,
    queue_depth,
)
from heygem_daemon.render.source_samples import SourceSamples
from heygem_daemon.render.template import prepare_template
from tests.render.conftest import (
    BOX,
    FACE,
    FPS,
    HEIGHT,
    WIDTH,
    FakeEngine,
    FakePerformance,
    write_video,
)

if TYPE_CHECKING:
    from tests.render.conftest import Bench, MakeBench

pytestmark = pytest.mark.slow

FRAMES = 75
GREY_PER_PIXEL = 8


class GreyReader(FaceTracker):
    """Finds lips as far apart as the centre of ``BOX`` is bright, moved by ``shift`` pixels."""

    def __init__(self, shift: float = 0.0) -> None:
        self.shift = shift

    def follow(
        self,
        pictures: Iterable[Picture],
        choice: FaceChoice = "largest",
        folder: Path | None = None,
        on_face: OnFace | None = None,
    ) -> Iterator[FaceSample]:
        for picture in pictures:
            gap = picture.y[28:36, 36:44].mean() / GREY_PER_PIXEL
            face = FACE + np.array([self.shift, 0, 0], np.float32)
            for upper, lower in APERTURE_PAIRS:
                face[lower] = face[upper] + np.array([0, gap, 0])
            yield FaceSample(face.astype(np.float32), True, 1.0, 0)


class GreyPerformance(FakePerformance):
    """Paints the aperture of ``late`` frames before, times ``size``, as a grey."""

    def __init__(self, template: Template, timeline: Timeline, late: int, size: float) -> None:
        super().__init__(template, timeline)
        self.late, self.size = late, size

    @property
    def target_parameters(self) -> NDArray[np.float32]:
        apertures = self.size * 0.1 * (1 - np.cos(np.arange(FRAMES) * 2 * np.pi / 9))
        apertures[50:] = 0.0
        return np.stack([apertures, *np.zeros((3, FRAMES))], axis=1).astype(np.float32)

    def draw(self, frames: Sequence[int], crops: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        painted = []
        for frame, crop in zip(frames, crops, strict=True):
            after = crop.clone()
            grey = 400 * float(self.target_parameters[max(0, frame - self.late), 0])
            after[0, 4:-4, 4:-4] = grey
            painted.append(after)
        return painted


class CoveredPerformance(GreyPerformance):
    """Keeps the mouth closed, except in 20 frames that pass the open mouth of the source through,
    and in the fades to these."""

    @property
    def target_parameters(self) -> NDArray[np.float32]:
        distance = np.abs(np.arange(FRAMES) - 39.5) - 9.5
        apertures = 0.15 * (1 - np.clip(distance / FADE_FRAMES, 0, 1))
        return np.stack([apertures, *np.zeros((3, FRAMES))], axis=1).astype(np.float32)

    def region(self, frame: int) -> Box | None:
        return None if 30 <= frame < 50 else super().region(frame)


RunReview = Callable[..., Quality]


@pytest.fixture
def review(tmp_path: Path) -> RunReview:
    def run(
        late: int = 0,
        shift: float = 0.0,
        silent: slice = slice(50, 75),
        size: float = 1.0,
        kind: type[GreyPerformance] = GreyPerformance,
        on_measured: OnMeasured = ignore_measured,
    ) -> Quality:
        engine = FakeEngine()
        video = write_video(tmp_path / "video.mp4", FRAMES)
        with VideoReader(video) as reader:
            template = prepare_template(
                reader, "0" * 64, FRAMES, engine.tracker, tmp_path / "cache", lambda *_: None
            )
            timeline = Timeline(FPS, np.arange(FRAMES, dtype=np.int32))
            painting = kind(template, timeline, late, size)
            context = RenderContext(reader, timeline, engine, painting, RenderOptions(crf=1))
            result = tmp_path / "result.mp4"
            draw_chunk(context, Chunk(0, 0, FRAMES), result, lambda _: None)
            engine.tracker = GreyReader(shift)
            return reviewed(context, template, flags(silent), result, on_measured)

    return run


def reviewed(
    context: RenderContext,
    template: Template,
    silent: NDArray[np.bool_],
    result: Path,
    on_measured: OnMeasured = ignore_measured,
) -> Quality:
    """Review all frames of a result."""
    samples = SourceSamples(context, template, range(len(silent)), None)
    samples.add_missing()
    with VideoReader(result) as reader:
        selection = ReviewSelection(silent, [range(len(silent))])
        return measure_quality(
            context,
            template,
            selection,
            samples.sharpness_by_frame,
            reader.read_range(),
            on_measured=on_measured,
        )


def flags(silent: slice) -> NDArray[np.bool_]:
    chosen = np.zeros(FRAMES, np.bool_)
    chosen[silent] = True
    return chosen


def test_a_mouth_that_follows_its_target_has_good_figures(review: RunReview) -> None:
    quality = review()
    assert quality.seconds == FRAMES / 25
    assert quality.aperture_correlation == pytest.approx(1, abs=0.02)
    assert quality.aperture_lag_ms == pytest.approx(0, abs=5)
    assert quality.closed_in_silence == 1.0


def test_the_error_of_a_mouth_is_told_in_pixels(review: RunReview) -> None:
    """Three of nine frames late, a wave has the correlation -0.5 with itself."""
    assert review().aperture_error_pixels == pytest.approx(0, abs=0.3)
    late = review(late=3)
    assert late.aperture_correlation is not None
    assert late.aperture_correlation < 0.9
    spread = 400 * 0.1 / np.sqrt(2) / GREY_PER_PIXEL
    assert late.aperture_error_pixels == pytest.approx(spread * np.sqrt(0.75), rel=0.25)


def test_each_measured_frame_counts(review: RunReview) -> None:
    told: list[tuple[int, int]] = []
    review(on_measured=lambda *counts: told.append(counts))
    assert [done for done, _ in told][:FRAMES] == list(range(FRAMES))
    assert {of for _, of in told} == {FRAMES}


def test_a_late_mouth_is_found_to_be_late(review: RunReview) -> None:
    assert review(late=2).aperture_lag_ms == pytest.approx(80, abs=8)


def test_a_mouth_that_speaks_in_silence_is_detected(review: RunReview) -> None:
    closed = review(silent=slice(0, 50)).closed_in_silence
    assert closed is not None
    assert closed < 0.5


def test_pixels_that_were_smoothed_away_lower_the_sharpness(review: RunReview) -> None:
    found = review().sharpness
    assert found is not None
    assert found < SHARPNESS.minimum


def test_a_mouth_is_compared_with_equally_open_ones_of_its_source(tmp_path: Path) -> None:
    """Half of the time the source's mouth is open and has edges; the result's is closed."""
    quality = review_of_levels(tmp_path, [20.0, 20.0, 60.0, 60.0] * 10)
    assert quality.sharpness is not None
    assert quality.sharpness < SHARPNESS.minimum
    assert quality.sharpness_alike == pytest.approx(1, abs=0.05)
    assert quality.source_opens


def test_a_source_whose_mouth_stays_closed_is_known(tmp_path: Path) -> None:
    assert not review_of_levels(tmp_path, [0.0] * 40).source_opens


def review_of_levels(folder: Path, levels: list[float]) -> Quality:
    """Review a result that keeps the first of its source's 40 levels (see ``write_levels``)."""
    video = write_levels(folder / "video.mp4", levels)
    with VideoReader(video) as reader:
        engine = FakeEngine()
        engine.tracker = GreyReader()
        template = prepare_template(
            reader, "0" * 64, 40, engine.tracker, folder / "cache", lambda *_: None
        )
        timeline = Timeline(FPS, np.arange(40, dtype=np.int32))
        context = RenderContext(
            reader, timeline, engine, FakePerformance(template, timeline), RenderOptions()
        )
        closed = write_levels(folder / "closed.mp4", levels[:1] * 40)
        return reviewed(context, template, np.arange(40) < 5, closed)


def write_levels(path: Path, levels: list[float]) -> Path:
    """Write pictures whose middle has a level, and whose lips have edges of that height."""
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    settings = EncoderSettings(crf=1)
    with SegmentWriter(path, WIDTH, HEIGHT, FPS, ColourTags(), encoder=settings) as writer:
        for number, level in enumerate(levels):
            luma = np.full((HEIGHT, WIDTH), 16, np.uint8)
            luma[::2] += round(level)
            luma[28:36, 36:44] = round(level)
            writer.write(Picture(number, luma, grey, grey, ColourTags()))
    return path


def test_a_mouth_that_has_to_stay_closed_is_measured_only_by_that(review: RunReview) -> None:
    quality = review(silent=slice(0, 75), size=0.0)
    assert quality.closed_in_silence == 1.0
    assert quality.aperture_correlation is None
    assert quality.sharpness is None


def test_a_mouth_that_is_closed_where_it_is_drawn_has_no_sharpness(review: RunReview) -> None:
    assert review(silent=slice(0, 75), kind=CoveredPerformance).sharpness is None


def test_another_face_in_the_picture_is_not_measured(review: RunReview) -> None:
    quality = review(shift=30.0)
    assert quality.aperture_correlation is None
    assert quality.closed_in_silence is None


def review_without_target(bench: "Bench", engine: FakeEngine, silent: int) -> Quality:
    """Review one second by an engine without a target; the first ``silent`` frames are silent."""
    with VideoReader(bench.video) as reader:
        template = prepare_template(
            reader, "0" * 64, 25, engine.tracker, bench.cache, lambda *_: None
        )
        timeline = Timeline(FPS, np.arange(25, dtype=np.int32))
        context = RenderContext(
            reader, timeline, engine, FakePerformance(template, timeline), RenderOptions()
        )
        result = bench.folder / "result.mp4"
        draw_chunk(context, Chunk(0, 0, 25), result, lambda _: None)
        return reviewed(context, template, np.arange(25) < silent, result)


def test_an_engine_without_a_target_gets_the_figures_that_apply(
    make_bench: "MakeBench", engine: FakeEngine
) -> None:
    quality = review_without_target(make_bench(1.0, 30), engine, silent=0)
    assert quality.aperture_correlation is None
    assert quality.aperture_lag_ms is None
    assert quality.sharpness is not None


@pytest.mark.parametrize(("silent", "reviewed_frames"), [(4, 0), (5, 25)])
def test_a_mouth_without_target_and_silence_is_not_tracked(
    make_bench: "MakeBench", engine: FakeEngine, silent: int, reviewed_frames: int
) -> None:
    bench, tracked = make_bench(1.0, 30), 30
    quality = review_without_target(bench, engine, silent)
    assert engine.tracker.followed - tracked == reviewed_frames  # type: ignore[attr-defined]
    assert (quality.closed_in_silence is None) == (reviewed_frames == 0)
    assert quality.sharpness is not None


def test_the_tracker_gets_the_face_with_a_margin() -> None:
    face = np.stack([FACE * 4 + np.array([300, 400, 0], np.float32)] * 2)
    box = face_box(face, 2000, 1000)
    size = np.ptp(face[..., 1])
    assert box.top == pytest.approx(face[..., 1].min() - 0.8 * size, abs=2)
    assert box.right == pytest.approx(face[..., 0].max() + 0.8 * size, abs=2)
    assert face_box(face, 500, 600).bottom == 600


def test_a_part_of_a_picture_has_its_luma_and_chroma() -> None:
    luma = np.arange(48, dtype=np.uint8).reshape(6, 8)
    whole = Picture(3, luma, luma[:3, :4].copy(), luma[3:, 4:].copy(), ColourTags())
    part = crop_picture(whole, Box(2, 2, 6, 6))
    assert np.array_equal(part.y, luma[2:6, 2:6])
    assert np.array_equal(part.u, whole.u[1:3, 1:3])
    assert np.array_equal(part.v, whole.v[1:3, 1:3])


def test_all_of_a_short_result_is_reviewed() -> None:
    assert choose_windows(np.zeros(150, np.bool_), 25.0) == [range(150)]


def test_windows_are_spread_over_a_long_result() -> None:
    windows = choose_windows(np.zeros(25 * 3600, np.bool_), 25.0)
    assert len(windows) == 10
    assert windows[0].start == 0
    assert windows[-1].stop == 25 * 3600
    assert sum(map(len, windows)) == 20 * 25


def test_the_longest_silence_is_reviewed_in_addition() -> None:
    silent = np.zeros(1000, np.bool_)
    silent[300:310] = True
    silent[600:700] = True
    windows = choose_windows(silent, 25.0)
    assert range(637, 663) in windows
    assert windows == sorted(windows, key=min)


def test_a_silence_inside_a_window_makes_no_second_window() -> None:
    silent = np.zeros(1000, np.bool_)
    silent[:40] = True
    windows = choose_windows(silent, 25.0)
    assert windows == choose_windows(np.zeros(1000, np.bool_), 25.0)
    silent = np.zeros(1000, np.bool_)
    silent[30:60] = True
    first, *_ = choose_windows(silent, 25.0)
    assert first == range(58)


def test_box_and_face_fit_together() -> None:
    assert BOX.left < FACE[:, 0].mean() < BOX.right


def test_faces_wait_for_the_tracker_in_bounded_memory() -> None:
    assert queue_depth([]) == 64
    assert queue_depth([Box(0, 0, 200, 200)]) == 64
    assert queue_depth([Box(0, 0, 200, 200), Box(0, 0, 1000, 1400)]) == 15
    assert queue_depth([Box(0, 0, 3840, 2160)]) == 8
