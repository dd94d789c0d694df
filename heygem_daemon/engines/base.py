"""The contract of an engine: sound and a template in, mouth pixels out.

A job goes through an engine in three steps: ``listen`` turns the whole sound into the engine's
own features once; ``perform`` decides for the whole job how the face will speak it; ``paint``
changes batches of pictures, in any order and any batch size, always with the same result.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from heygem_daemon.engines.patch import Patch
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.timeline import Timeline

SAMPLE_RATE = 16_000
"""Samples a second of the mono waveform that ``Engine.listen`` gets."""

SpeechT = TypeVar("SpeechT")


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels, right and bottom exclusive, all four even, inside the picture."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Template:
    """A video with its track. ``key`` is the video's content hash and the analysis' version;
    ``cache`` a folder in which an engine may keep what it derives from this video."""

    video: Path
    key: str
    cache: Path
    width: int
    height: int
    colour: ColourTags
    track: Track


@dataclass(frozen=True, slots=True)
class Device:
    """Where an engine computes. ``torch_device`` is 'cpu' or 'cuda:0'; ``uuid`` a GPU's."""

    torch_device: str = "cpu"
    name: str = "CPU"
    uuid: str | None = None


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What an engine's loader gets (``EngineSpec.loader``)."""

    weights: Path
    """The weights folder."""
    device: Device
    cache: Path
    """A folder for measurements of the device."""
    threads: int = 0
    """torch's compute threads on the CPU; 0: what suits the engine."""
    checkpoint: Path | None = None
    """The user's file to load; None for an engine without ``checkpoint_program``."""


@dataclass(frozen=True, slots=True)
class PerformanceSummary:
    """What the report says of how the job was performed.

    ``coverage``: share of output frames that are drawn rather than passed through, 0-1.
    ``passed_through``: reason → share of output frames, 0-1.
    ``figures``: named measurements (JSON values). ``warnings``: sentences for the operator.
    """

    coverage: float
    passed_through: dict[str, float] = field(default_factory=dict)
    figures: dict[str, float | int | str | bool] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Performance(ABC):
    """How one face speaks one sound, decided for every output frame before the first is drawn."""

    @property
    @abstractmethod
    def summary(self) -> PerformanceSummary:
        """Coverage and figures; known before drawing."""

    @property
    def target_parameters(self) -> NDArray[np.float32] | None:
        """Mouth parameters (N, 4) of ``face.mouth`` that the output frames shall show, for the
        review of the result; None of an engine that aims at no numbers."""
        return None

    @abstractmethod
    def region(self, frame: int) -> Box | None:
        """The only rectangle of output frame ``frame`` that may change; None: pass through."""

    @abstractmethod
    def paint(self, frames: Sequence[int], patches: Sequence[Patch]) -> list[Patch]:
        """Paint the regions of some output frames.

        ``patches[k]``: what the source shows in ``region(frames[k])``, on the engine's device.
        Returns patches of the same shapes; a sample that must not change is returned as it came.
        """


class FullColourPerformance(Performance):
    """A performance that paints chroma at luma's resolution."""

    def paint(self, frames: Sequence[int], patches: Sequence[Patch]) -> list[Patch]:
        """Only the difference that ``draw`` makes is added to the decoded samples."""
        befores = [patch.to_yuv444() for patch in patches]
        afters = self.draw(frames, befores)
        return [
            patch.with_change(before, after)
            for patch, before, after in zip(patches, befores, afters, strict=True)
        ]

    @abstractmethod
    def draw(self, frames: Sequence[int], crops: Sequence[Tensor]) -> list[Tensor]:
        """Paint the regions of some output frames.

        ``crops[k]``: float32 (3, h, w) on the engine's device, the source's Y, U, V of
        ``region(frames[k])`` at luma resolution, code values 0-255. Returns tensors of the same
        shapes; a pixel that must not change is returned exactly as it came.
        """


class Engine(ABC, Generic[SpeechT]):
    """Loaded once into a worker, and kept."""

    name: str
    device: Device
    tracker: FaceTracker
    """The face tracker that is resident beside the engine, on the same device."""
    reference_face: NDArray[np.float32]
    """The face (478, 3) whose pose is canonical: the measure of every tracked mouth."""
    weights_sha256: str
    precision: str
    """The types of the numbers that it computes with."""
    precision_reason: str = ""
    """Why these: a clause for the operator's log."""
    batch: int
    """Output frames to draw in one call, if they fit."""
    bytes_per_frame: int = 0
    """What each frame of such a call takes of the device's memory; 0: not known."""
    threads: int = 1
    """Compute threads on the CPU while it works."""
    warnings: tuple[str, ...] = ()
    """Sentences for the operator on how the engine came to be loaded."""

    def begin_job(self, frames: int) -> None:
        """Begin to work on no more than ``frames`` frames at once; it may become more again."""

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """All that has weights on the device."""
        return ()

    def plan_synthetic_performance(
        self, template: Template, speech: SpeechT, timeline: Timeline
    ) -> Performance:
        """A performance that takes as much work and memory as any, of a template whose video is
        not there to be read."""
        return self.plan_performance(template, speech, timeline)

    @abstractmethod
    def extract_features(self, waveform: Iterable[NDArray[np.float32]]) -> SpeechT:
        """Features of a whole sound, given as consecutive blocks of mono samples at
        ``SAMPLE_RATE``, -1 … 1. Raises nothing for silence."""

    @abstractmethod
    def plan_performance(
        self, template: Template, speech: SpeechT, timeline: Timeline
    ) -> Performance:
        """Decide the whole job.

        Raises BadInput where the template cannot be used (no face).
        """
