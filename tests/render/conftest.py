"""A stand-in engine that is quick and whose every pixel is known, and small media for it."""

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
from heygem_daemon.face.tracking.smoothing import FaceSample
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.protocol import Progress, Render, RenderOptions

FPS = Fraction(25)
WIDTH, HEIGHT = 96, 64
BOX = Box(20, 16, 60, 48)
FACE = np.random.default_rng(1).normal((40, 32, 0), (7, 7, 4), (478, 3)).astype(np.float32)
"""Landmarks of every picture: points around the middle of the box."""


class ObedientTracker(FaceTracker):
    """Sees a face in every picture, except where told not to."""

    def __init__(self, absent: frozenset[int] = frozenset()) -> None:
        self.absent = absent
        self.followed = 0

    def follow(
        self,
        pictures: Iterable[Picture],
        choice: FaceChoice = "largest",
        folder: Path | None = None,
    ) -> Iterator[FaceSample]:
        for picture in pictures:
            self.followed += 1
            present = picture.index not in self.absent
            yield FaceSample(FACE, present, float(present), 0)


@dataclass
class Painting(FullColourPerformance):
    """Paints the box's luma with the output frame's number, where there is a face."""

    template: Template
    timeline: Timeline
    faults: list[Exception] = field(default_factory=list)

    @property
    def summary(self) -> PerformanceSummary:
        seen = [self.region(frame) is not None for frame in range(len(self.timeline))]
        share = sum(seen) / len(seen)
        missing = {"no face found": 1 - share} if share < 1 else {}
        return PerformanceSummary(share, missing, {"painted": sum(seen)})

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


class Painter(Engine[int]):
    """Listens by counting samples."""

    def __init__(self) -> None:
        self.name = "painter"
        self.device = Device()
        self.tracker = ObedientTracker()
        self.reference_face = FACE / np.float32(10)
        self.weights_sha256 = "0" * 64
        self.precision = "float32"
        self.batch = 4
        self.faults: list[Exception] = []
        self.listened = 0
        self.begun: list[int] = []

    def begin_job(self, frames: int) -> None:
        self.begun.append(frames)

    def extract_features(self, waveform: Iterable[NDArray[np.float32]]) -> int:
        self.listened += 1
        return sum(len(block) for block in waveform)

    def plan_performance(self, template: Template, speech: int, timeline: Timeline) -> Painting:
        assert speech > 0
        return Painting(template, timeline, self.faults)


@dataclass(frozen=True)
class Bench:
    """One job's files, and what was told while it ran."""

    folder: Path
    audio: Path
    video: Path
    told: list[Progress] = field(default_factory=list)

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def order(self, **options: object) -> Render:
        return Render(
            job_id="job",
            audio=str(self.audio),
            video=str(self.video),
            workspace=str(self.folder / "work"),
            options=RenderOptions.model_validate({"chunk_seconds": 1.0, **options}),
        )


def write_tone(path: Path, seconds: float, silent_from: float | None = None) -> Path:
    """A tone; from ``silent_from`` seconds on nothing is heard."""
    times = np.arange(round(seconds * 16000)) / 16000
    heard = times < (seconds if silent_from is None else silent_from)
    samples = (8000 * np.sin(2 * np.pi * 220 * times) * heard).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
    return path


def write_video(path: Path, frames: int) -> Path:
    random = np.random.default_rng(3)
    ground = random.integers(40, 200, (HEIGHT, WIDTH), dtype=np.uint8)
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    with SegmentWriter(path, WIDTH, HEIGHT, FPS, ColourTags(), crf=10) as writer:
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
def painter() -> Painter:
    return Painter()
