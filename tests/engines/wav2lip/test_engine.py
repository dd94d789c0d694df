"""The engine on real pictures: the demo's presenter, with a generator of few channels."""

import json
import tracemalloc
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from heygem_daemon.engines.base import Device, Template
from heygem_daemon.engines.trial import extract_noise_features, prepare_drawing
from heygem_daemon.engines.wav2lip import engine as engine_module
from heygem_daemon.engines.wav2lip.boxes import BLOCK_PICTURES
from heygem_daemon.engines.wav2lip.engine import LoadedWav2Lip, Wav2LipEngine
from heygem_daemon.engines.wav2lip.mel import MelSpectrogram
from heygem_daemon.engines.wav2lip.runner import GeneratorMode, GeneratorRunner
from heygem_daemon.errors import WeightsUnavailable
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.timeline import Timeline, build_timeline
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.protocol import Render, RenderOptions
from heygem_daemon.render.draw import extract_patch, to_region
from heygem_daemon.render.pipeline import render_job
from heygem_daemon.render.template import prepare_template
from tests.engines.wav2lip.conftest import TINY, random_generator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
WEIGHTS = ROOT / "weights" / "builtin"
VIDEO, SPEECH = ROOT / "demo" / "presenter.mp4", ROOT / "demo" / "speech.wav"
FRAMES = 20
SECONDS = 8


def engine_with(batch: int) -> Wav2LipEngine:
    resident = LoadedWav2Lip(
        GeneratorRunner(
            random_generator(TINY), GeneratorMode(torch.float32, batch), torch.device("cpu")
        ),
        TINY.size,
        MelSpectrogram(),
        FaceTracker.load(WEIGHTS),
        load_reference_face(WEIGHTS),
    )
    return Wav2LipEngine(resident, Device(), "ab" * 32)


@pytest.fixture(scope="module")
def engine() -> Wav2LipEngine:
    return engine_with(batch=4)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def scene(engine: Wav2LipEngine, cache: Path) -> Any:
    """The first pictures of the demo, and how the engine performs its speech with them."""
    with VideoReader(VIDEO) as reader:
        template = prepare_template(reader, "demo", FRAMES, engine.tracker, cache, lambda *_: None)
        timeline = build_timeline(reader.timestamps[:FRAMES], reader.info.fps, FRAMES, "restart")
        pictures = list(reader.read_range(0, FRAMES))
    performance = engine.plan_performance(
        template, engine.extract_features(read_waveform(SPEECH)), timeline
    )
    return performance, pictures


def drawn(scene: Any, size: int) -> list[Any]:
    """All pictures as published, drawn ``size`` at a time."""
    performance, pictures = scene
    done = []
    for start in range(0, FRAMES, size):
        frames = list(range(start, min(start + size, FRAMES)))
        boxes = [performance.region(frame) for frame in frames]
        patches = [
            extract_patch(pictures[frame], box) for frame, box in zip(frames, boxes, strict=True)
        ]
        painted = performance.paint(frames, patches)
        done += [
            pictures[frame].with_region(to_region(box, patch))
            for frame, box, patch in zip(frames, boxes, painted, strict=True)
        ]
    return done


def test_only_the_lower_face_changes(scene: Any) -> None:
    performance, pictures = scene
    for number, picture in enumerate(drawn(scene, 8)):
        box = performance.region(number)
        changed = picture.y != pictures[number].y
        rows, columns = np.nonzero(changed)
        assert len(rows) > 1000
        assert box.left < columns.min()
        assert columns.max() < box.right - 1
        assert rows.min() > box.top + box.height // 3
        assert rows.max() < box.bottom - 1


def test_the_mask_leaves_no_edge(scene: Any) -> None:
    """Along the rim of what has changed the change itself is small."""
    _, pictures = scene
    picture = drawn(scene, 8)[5]
    change = np.abs(picture.y.astype(int) - pictures[5].y.astype(int))
    touched = change > 0
    inner = touched[1:-1, 1:-1]
    whole = inner & touched[:-2, 1:-1] & touched[2:, 1:-1] & touched[1:-1, :-2] & touched[1:-1, 2:]
    rim = inner & ~whole
    assert change.max() > 20, "the mouth was redrawn"
    assert np.quantile(change[1:-1, 1:-1][rim], 0.9) <= 0.1 * change.max()


def test_rows_that_no_mask_lets_through_are_not_drawn_and_change_nothing(scene: Any) -> None:
    performance, _ = scene
    assert (performance.rows_needed < 0.7 * TINY.size).all()
    expected = drawn(scene, 8)
    kept, performance.rows_needed = (
        performance.rows_needed,
        np.full_like(performance.rows_needed, TINY.size),
    )
    whole = drawn(scene, 8)
    performance.rows_needed = kept
    assert all(np.array_equal(a.y, b.y) for a, b in zip(expected, whole, strict=True))
    assert all(np.array_equal(a.v, b.v) for a, b in zip(expected, whole, strict=True))


def test_a_frame_does_not_depend_on_the_rows_that_others_need(scene: Any) -> None:
    performance, _ = scene
    expected = drawn(scene, 8)
    kept = performance.rows_needed
    performance.rows_needed = kept + np.arange(FRAMES) % 5
    others = drawn(scene, 8)
    performance.rows_needed = kept
    assert all(np.array_equal(a.y, b.y) for a, b in zip(expected, others, strict=True))
    assert all(np.array_equal(a.u, b.u) for a, b in zip(expected, others, strict=True))


def test_all_frames_have_the_same_rows_where_their_number_could_change_them(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GeneratorRunner, "has_stable_rows", property(lambda _: False))
    engine = engine_with(batch=4)
    with VideoReader(VIDEO) as reader:
        template = prepare_template(reader, "demo", FRAMES, engine.tracker, cache, lambda *_: None)
        timeline = build_timeline(reader.timestamps[:FRAMES], reader.info.fps, FRAMES, "restart")
    performance = engine.plan_performance(
        template, engine.extract_features(read_waveform(SPEECH)), timeline
    )
    assert len(set(performance.rows_needed.tolist())) == 1


@pytest.mark.parametrize("size", [1, 64])
def test_frames_do_not_depend_on_how_many_are_drawn_at_once(scene: Any, size: int) -> None:
    for one, other in zip(drawn(scene, 8), drawn(scene, size), strict=True):
        assert np.array_equal(one.y, other.y)
        assert np.array_equal(one.u, other.u)


def test_frames_do_not_depend_on_the_generators_batch(
    scene: Any, cache: Path, engine: Wav2LipEngine
) -> None:
    expected = drawn(scene, 8)
    _, pictures = scene
    for batch in (1, 8, 64):
        other = engine_with(batch)
        with VideoReader(VIDEO) as reader:
            template = prepare_template(
                reader, "demo", FRAMES, other.tracker, cache, lambda *_: None
            )
            timeline = build_timeline(
                reader.timestamps[:FRAMES], reader.info.fps, FRAMES, "restart"
            )
        performance = other.plan_performance(
            template, other.extract_features(read_waveform(SPEECH)), timeline
        )
        redrawn = drawn((performance, pictures), 8)
        assert all(np.array_equal(a.y, b.y) for a, b in zip(expected, redrawn, strict=True))


@pytest.fixture(scope="module")
def short_speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first seconds of the demo's speech: enough for two chunks of seven."""
    path = tmp_path_factory.mktemp("sound") / "short.wav"
    with wave.open(str(SPEECH)) as whole, wave.open(str(path), "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(SECONDS * whole.getframerate()))
    return path


def published(engine: Wav2LipEngine, sound: Path, folder: Path, cache: Path, seconds: float) -> Any:
    order = Render(
        job_id="j",
        audio=str(sound),
        video=str(VIDEO),
        workspace=str(folder),
        options=RenderOptions(chunk_seconds=seconds, crf=0, preset="ultrafast", strip=False),
    )
    rendered = render_job(engine, order, cache, lambda _: None, lambda: False)
    with VideoReader(Path(rendered.result)) as reader:
        pictures = [picture.y for picture in reader.read_range(0, reader.frame_count)]
    return pictures, json.loads(Path(rendered.report).read_text())


def test_a_whole_job_is_the_same_for_every_chunk_length(
    engine: Wav2LipEngine, short_speech: Path, tmp_path: Path, cache: Path
) -> None:
    expected, report = published(engine, short_speech, tmp_path / "30", cache, 30.0)
    assert report["engine"]["name"] == "wav2lip"
    assert report["coverage"] > 0.95
    assert len(expected) == 25 * SECONDS
    for seconds in (1.0, 7.0):
        pictures, _ = published(engine, short_speech, tmp_path / str(seconds), cache, seconds)
        assert len(pictures) == len(expected)
        assert all(np.array_equal(a, b) for a, b in zip(pictures, expected, strict=True))


def test_a_checkpoint_that_draws_no_numbers_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_tiny(_path: Path) -> Any:
        return random_generator(TINY), TINY

    checkpoint = tmp_path / "mine.pth"
    checkpoint.write_bytes(b"weights")
    monkeypatch.setattr(engine_module, "load_generator", load_tiny)
    loaded = Wav2LipEngine.load(checkpoint, ROOT / "weights", Device(), tmp_path)
    loaded.begin_job(1)
    draw = prepare_drawing(loaded, extract_noise_features(loaded) * torch.nan, 1)
    with pytest.raises(WeightsUnavailable, match=rf"^{checkpoint}: The checkpoint draws values"):
        draw()


def test_a_long_video_is_judged_a_part_at_a_time(engine: Wav2LipEngine) -> None:
    """An hour's landmarks are half a gigabyte, which lies on disk."""
    pictures = 8 * BLOCK_PICTURES
    face = engine.reference_face * np.float32(60) + np.float32(200)
    track = Track(
        np.broadcast_to(face, (pictures, *face.shape)),
        np.ones(pictures, np.bool_),
        np.ones(pictures, np.float32),
    )
    nowhere = Path("made-up")
    template = Template(nowhere, "made-up", nowhere, 400, 400, ColourTags(), track)
    timeline = Timeline(Fraction(25), np.arange(pictures, dtype=np.int32))
    speech = torch.zeros(80, 4 * pictures)
    tracemalloc.start()
    try:
        performance = engine.plan_performance(template, speech, timeline)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert performance.summary.coverage == 1
    assert peak < track.landmarks.nbytes / 2
