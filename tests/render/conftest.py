"""A fast fake engine that paints known pixels, and small media files for it."""

import wave
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from heygem_daemon.config.choices import FaceChoice
from heygem_daemon.engines.base import (
    Box,
    Device,
    Engine,
    FullColourPerformance,
    PerformanceSummary,
    Template,
)
from heygem_daemon.face.tracking.multi_face import OnFace
from heygem_daemon.face.tracking.smoothing import FaceSample
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.video_codecs import EncoderSettings
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.protocol import Progress, Render, RenderOptions

FPS = Fraction(25)
WIDTH, HEIGHT = 96, 64
BOX = Box(20, 16, 60, 48)
FACE = np.random.default_rng(1).normal((40, 32, 0), (7, 7, 4), (478, 3)).astype(np.float32)
"""Landmarks in every picture: points around the centre of ``BOX``, (478, 3) pixels."""


class FakeTracker(FaceTracker):
    """Finds ``FACE`` in every picture except those with an index in ``absent``. It has no pieces
    that others could track."""

    piece_pictures = 1 << 30

    def __init__(self, absent: frozenset[int] = frozenset()) -> None:
        self.absent = absent
        self.followed = 0

    def follow(
        self,
        pictures: Iterable[Picture],
        choice: FaceChoice = "largest",
        folder: Path | None = None,
        on_face: OnFace | None = None,
    ) -> Iterator[FaceSample]:
        for picture in pictures:
            self.followed += 1
            present = picture.index not in self.absent
            yield FaceSample(FACE, present, float(present), 0)


@dataclass
class FakePerformance(FullColourPerformance):
    """Paints the number of the output frame as luma into ``BOX``, where there is a face.

    ``draw`` raises the exceptions in ``faults`` one after the other before it works.
    """

    template: Template
    timeline: Timeline
    faults: list[Exception] = field(default_factory=list)

    @property
    def summary(self) -> PerformanceSummary:
        drawn = [self.region(frame) is not None for frame in range(len(self.timeline))]
        share = sum(drawn) / len(drawn)
        missing = {"no face found": 1 - share} if share < 1 else {}
        return PerformanceSummary(share, missing, {"painted": sum(drawn)})

    def region(self, frame: int) -> Box | None:
        present = self.template.track.present[self.timeline.source_indices[frame]]
        return BOX if present else None

    def draw(self, frames: Sequence[int], crops: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        if self.faults:
            raise self.faults.pop(0)
        painted = []
        for frame, crop in zip(frames, crops, strict=True):
            after = crop.clone()
            after[0, 4:-4, 4:-4] = 16 + frame % 200
            painted.append(after)
        return painted


class FakeEngine(Engine[int]):
    """Its speech features are the number of samples."""

    def __init__(self) -> None:
        self.name = "fake"
        self.device = Device()
        self.tracker = FakeTracker()
        self.reference_face = FACE / np.float32(10)
        self.weights_sha256 = "0" * 64
        self.precision = "float32"
        self.batch = 4
        self.faults: list[Exception] = []
        self.listened = 0
        self.batch_sizes: list[int] = []
        """As given to ``begin_job``."""
        self.heard_videos: list[Path] = []
        self.hearing_faults: list[Exception] = []
        """What ``hear_video`` raises, one after the other, before it works."""
        self.templates: list[Template] = []
        """As given to ``plan_performance``."""

    def begin_job(self, frames: int) -> None:
        self.batch_sizes.append(frames)

    def extract_features(self, waveform: Iterable[NDArray[np.float32]]) -> int:
        self.listened += 1
        return sum(len(block) for block in waveform)

    def hear_video(self, video: Path, guard: MediaGuard) -> object:
        self.heard_videos.append(video)
        guard.step()
        if self.hearing_faults:
            raise self.hearing_faults.pop(0)
        return "heard"

    def plan_performance(
        self, template: Template, speech: int, timeline: Timeline
    ) -> FakePerformance:
        self.templates.append(template)
        assert speech > 0
        return FakePerformance(template, timeline, self.faults)


@dataclass(frozen=True)
class Bench:
    """The files of one job, and the progress that it reported."""

    folder: Path
    audio: Path
    video: Path
    progress: list[Progress] = field(default_factory=list)

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def request(self, **options: object) -> Render:
        """The message that starts the job."""
        return Render(
            job_id="job",
            audio=str(self.audio),
            video=str(self.video),
            workspace=str(self.folder / "work"),
            producer="Example Media",
            options=RenderOptions.model_validate({"chunk_seconds": 1.0, **options}),
        )


def write_tone(path: Path, seconds: float, silent_from: float | None = None) -> Path:
    """Write a tone of 220 Hz, which is silent from ``silent_from`` seconds on."""
    times = np.arange(round(seconds * 16000)) / 16000
    audible = times < (seconds if silent_from is None else silent_from)
    samples = (8000 * np.sin(2 * np.pi * 220 * times) * audible).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
    return path


def write_video(path: Path, frames: int) -> Path:
    """Write noise that moves one pixel to the right with each picture."""
    random = np.random.default_rng(3)
    ground = random.integers(40, 200, (HEIGHT, WIDTH), dtype=np.uint8)
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    with SegmentWriter(
        path, WIDTH, HEIGHT, FPS, ColourTags(), encoder=EncoderSettings(crf=10)
    ) as writer:
        for index in range(frames):
            luma = np.roll(ground, index, axis=1)
            writer.write(Picture(index, np.ascontiguousarray(luma), grey, grey, ColourTags()))
    return path


MakeBench = Callable[[float, int], Bench]


@pytest.fixture
def make_bench(tmp_path: Path) -> MakeBench:
    def make(seconds: float, frames: int) -> Bench:
        audio = write_tone(tmp_path / "audio.wav", seconds)
        return Bench(tmp_path, audio, write_video(tmp_path / "video.mp4", frames))

    return make


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()
