"""The whole pipeline on real people: the results are measured with the engine's own tracker."""

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.engines.base import Box, Engine, Template
from heygem_daemon.media.audio_measurement import measure_audio as measure_sound
from heygem_daemon.media.audio_track import TrackOptions
from heygem_daemon.media.mux import mux_segments
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.probe import probe_audio
from heygem_daemon.media.timeline import build_timeline, frame_count
from heygem_daemon.media.verify import verify_result
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.protocol import RenderOptions
from heygem_daemon.render.draw import RenderContext, paint
from tests.chain.conftest import DEMO, SHARED, cut_sound, predicted_opening

if TYPE_CHECKING:
    from tests.chain.conftest import Apertures, RenderPair, Result

pytestmark = pytest.mark.slow

CLIPS = ("grid_lwbsza.mpg", "address_512.mp4", "presenter_700_30fps.mp4")
FOREIGN = "speech/french.wav"
AAC_FRAME = Fraction(1024, 16000)

needs_clips = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the folder shared/media with test clips is not beside the checkout"
)


def correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def check_frames_and_sound(result: "Result") -> None:
    duration = probe_audio(result.audio).duration
    with VideoReader(result.video) as source, VideoReader(result.result) as published:
        fps = source.info.fps
        assert published.info.fps == fps
        assert published.frame_count == frame_count(duration, fps)
        assert (published.info.width, published.info.height) == (
            source.info.width,
            source.info.height,
        )
    verify_result(result.result, frame_count(duration, fps), fps, duration)
    assert abs(measure_sound(result.result).duration - duration) <= AAC_FRAME


def check_report(result: "Result") -> dict[str, Any]:
    report: dict[str, Any] = json.loads(result.report.read_text())
    assert 0.9 < report["coverage"] <= 1
    assert report["engine"]["name"] == "builtin"
    return report


def check_mouth_follows(
    result: "Result", engine: Engine[Any], measured: NDArray[np.float32]
) -> None:
    with VideoReader(result.result) as reader:
        predicted = predicted_opening(engine, result.audio, reader.frame_count, reader.info.fps)
    assert correlation(measured, predicted) > 0.6
    # The correlation at lag 0 is higher than a quarter of a second earlier or later.
    late = correlation(measured[6:], predicted[:-6])
    early = correlation(measured[:-6], predicted[6:])
    assert correlation(measured, predicted) > max(late, early)


def test_the_demo_pair_has_the_exact_frames_and_sound(
    render_pair: "RenderPair", demo_sound: Path
) -> None:
    check_frames_and_sound(render_pair(demo_sound, DEMO / "presenter.mp4"))


def test_the_demo_pair_is_reported(render_pair: "RenderPair", demo_sound: Path) -> None:
    report = check_report(render_pair(demo_sound, DEMO / "presenter.mp4"))
    assert report["chunks"]["drawn"] == 4


def test_the_presenters_mouth_moves_with_the_sound(
    render_pair: "RenderPair", apertures: "Apertures", demo_sound: Path, engine: Engine[Any]
) -> None:
    result = render_pair(demo_sound, DEMO / "presenter.mp4")
    check_mouth_follows(result, engine, apertures(result.result))


def test_the_presenters_mouth_is_closed_in_silence_and_opens_for_speech(
    render_pair: "RenderPair", apertures: "Apertures", demo_sound: Path
) -> None:
    measured = apertures(render_pair(demo_sound, DEMO / "presenter.mp4").result)
    speech, silence = measured[: 5 * 25], measured[round(5.6 * 25) :]
    span = float(np.percentile(speech, 95) - np.percentile(speech, 5))
    assert span > 0.06
    assert (silence < np.percentile(speech, 5) + 0.15 * span).mean() > 0.95


def frames_of(
    engine: Engine[Any], audio: Path, video: Path, cache: Path
) -> list[tuple[Picture, Picture, Box | None]]:
    """Return source picture, painted picture and region of every 7th output frame."""
    with VideoReader(video) as reader:
        fps = reader.info.fps
        track = engine.tracker.track(reader.read_range(0, 75))
        frames = min(75, frame_count(probe_audio(audio).duration, fps))
        timeline = build_timeline(reader.timestamps[:75], fps, frames, "pingpong")
        info = reader.info
        cache.mkdir()
        template = Template(video, "test", cache, info.width, info.height, info.colour, track)
        performance = engine.plan_performance(
            template, engine.extract_features(read_waveform(audio)), timeline
        )
        context = RenderContext(reader, timeline, engine, performance, RenderOptions())
        numbers = list(range(0, frames, 7))
        sources = list(reader.read_indices(timeline.source_indices[numbers].tolist()))
        painted = paint(context, list(zip(numbers, sources, strict=True)))
        regions = [performance.region(number) for number in numbers]
    return list(zip(sources, painted, regions, strict=True))


def rim(
    plane: NDArray[np.bool_], inside: NDArray[np.bool_], box: Box, step: int
) -> NDArray[np.bool_]:
    """Return the outermost lines of a region, except those at the edge of the picture."""
    height, width = plane.shape
    sides = [
        (box.top > 0, inside[0]),
        (box.bottom // step < height, inside[-1]),
        (box.left > 0, inside[:, 0]),
        (box.right // step < width, inside[:, -1]),
    ]
    return np.concatenate([line for free, line in sides if free])


def check_nothing_outside_changes(frames: list[tuple[Picture, Picture, Box | None]]) -> None:
    changed = 0
    for source, painted, box in frames:
        assert box is not None
        assert box.width * box.height < 0.75 * source.width * source.height
        for name, step in (("y", 1), ("u", 2), ("v", 2)):
            difference = getattr(source, name) != getattr(painted, name)
            inside = difference[
                box.top // step : box.bottom // step, box.left // step : box.right // step
            ]
            assert difference.sum() == inside.sum()
            assert not rim(difference, inside, box, step).any()
            changed += int(inside.sum())
    assert changed > 0


def test_pixels_outside_the_mouth_region_are_identical_before_encoding(
    engine: Engine[Any], demo_sound: Path, tmp_path: Path
) -> None:
    check_nothing_outside_changes(
        frames_of(engine, demo_sound, DEMO / "presenter.mp4", tmp_path / "cache")
    )


def test_a_videos_own_sound_keeps_its_time_to_the_pictures(
    tmp_path: Path, render_pair: "RenderPair"
) -> None:
    """Many cameras and recorders begin sound and pictures at different moments."""
    sound, fps, delay = cut_sound(tmp_path / "speech.wav", 1.3), Fraction(25), Fraction(3, 10)
    segment, video = tmp_path / "segment.mp4", tmp_path / "video.mp4"
    with VideoReader(DEMO / "presenter.mp4") as reader:
        size = reader.info.width, reader.info.height
        with SegmentWriter(segment, *size, fps, reader.info.colour) as writer:
            for picture in reader.read_range(0, 40):
                writer.write(picture)
    late = TrackOptions(delay=delay)
    mux_segments([segment], sound, video, fps, 40, Fraction(13, 10), track=late)
    result = render_pair(video, video).result
    with VideoReader(result) as published:
        assert published.frame_count == 40
    starts = [measure_sound(path).start for path in (video, result)]
    assert abs(starts[0] - delay) < Fraction(1, 40)
    assert abs(starts[1] - starts[0]) <= Fraction(5, 1000)


@needs_clips
@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("sound", ["own", "foreign"])
def test_real_people_speak(
    render_pair: "RenderPair", apertures: "Apertures", engine: Engine[Any], clip: str, sound: str
) -> None:
    video = SHARED / clip
    result = render_pair(video if sound == "own" else SHARED / FOREIGN, video)
    check_frames_and_sound(result)
    check_report(result)
    check_mouth_follows(result, engine, apertures(result.result))


@needs_clips
@pytest.mark.parametrize("clip", CLIPS)
def test_nothing_but_the_mouth_of_real_people_changes(
    engine: Engine[Any], clip: str, tmp_path: Path
) -> None:
    frames = frames_of(engine, SHARED / FOREIGN, SHARED / clip, tmp_path / "cache")
    check_nothing_outside_changes(frames)
