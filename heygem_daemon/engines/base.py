"""The interface of an engine: sound and a template in, mouth pixels out.

A job goes through an engine in three steps. ``Engine.extract_features`` turns the whole sound into
the engine's own features. ``Engine.plan_performance`` decides how the face speaks the whole sound.
``Performance.paint`` changes batches of frames, in any order and batch size, with the same result.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from heygem_daemon.engines.patch import Patch
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.kept_crops import KeptCrops
from heygem_daemon.media.orientation import AS_SHOWN, Orientation
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.timeline import PictureTimes, Timeline
from heygem_daemon.system.atomic import atomic_file
from heygem_daemon.system.staging import StagedFolder

SAMPLE_RATE = 16_000
"""Samples per second of the mono waveform that ``Engine.extract_features`` gets."""

SpeechT = TypeVar("SpeechT")


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in a picture, in pixels as shown: right and bottom exclusive, all four even."""

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
    """A video with the track of the face that speaks."""

    video: Path
    key: str
    """The video's content hash with the version of the analysis."""
    cache: Path
    """A folder in which an engine may keep what it derives from this video."""
    width: int
    """Pixels as shown, which are square (see ``media.shown_pixels``)."""
    height: int
    """Pixels as shown."""
    colour: ColourTags
    track: Track
    """One row for each picture of the video."""
    guard: MediaGuard = NO_LIMITS
    """Bounds what an engine reads of the video itself."""
    mouths: KeptCrops | None = None
    """The pictures around the mouth, as shown, of a video that was tracked in this job."""
    turn: Orientation = AS_SHOWN
    """How the pictures are turned, for an engine that reads the video itself."""
    times: PictureTimes | None = None
    """When the pictures of the video are shown; None: the video tells."""
    heard: object | None = None
    """What ``Engine.hear_video`` returned; None: the engine has not listened to the video yet."""
    staging: StagedFolder | None = None
    """Keeps new files of ``cache`` until the video is known not to have changed; None: it cannot
    change."""

    def keep(self, name: str) -> AbstractContextManager[Path]:
        """Yield the path at which to write the file ``name`` of ``cache``. Other jobs see it once
        it is known to come from the video of this ``key``."""
        return atomic_file(self.cache / name) if self.staging is None else self.staging.add(name)


@dataclass(frozen=True, slots=True)
class Device:
    """Where an engine computes."""

    torch_device: str = "cpu"
    """'cpu' or 'cuda:0'."""
    name: str = "CPU"
    """The GPU's model."""
    uuid: str | None = None
    """The GPU's UUID; None on the CPU."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What an engine's loader gets (``EngineSpec.loader``)."""

    weights: Path
    """The folder of the shipped weights."""
    device: Device
    cache: Path
    """A folder for measurements of the device."""
    threads: int = 0
    """torch's compute threads on the CPU; 0: what suits the engine."""
    checkpoint: Path | None = None
    """The user's file to load; None for an engine without ``checkpoint_program``."""
    checkpoints: Path | None = None
    """The folder of the user's checkpoints; None: ``weights`` too."""

    @property
    def checkpoint_folder(self) -> Path:
        """The folder in which the user's checkpoints are."""
        return self.checkpoints or self.weights


@dataclass(frozen=True, slots=True)
class PerformanceSummary:
    """What the report says about a performance."""

    coverage: float
    """Share of output frames that are drawn and not passed through, 0-1."""
    passed_through: dict[str, float] = field(default_factory=dict)
    """Reason → share of output frames that are passed through for it, 0-1."""
    figures: dict[str, float | int | str | bool] = field(default_factory=dict)
    """Measurements by name, as JSON values."""
    warnings: tuple[str, ...] = ()
    """Sentences for the operator."""


class Performance(ABC):
    """How one face speaks one sound: decided for every output frame before the first is drawn."""

    @property
    @abstractmethod
    def summary(self) -> PerformanceSummary:
        """Coverage and figures, available before drawing."""

    @property
    def target_parameters(self) -> NDArray[np.float32] | None:
        """Mouth parameters (N, 4), see ``face.tracking.mouth``, that the output frames should show,
        for the review of the result; None for an engine without such targets."""
        return None

    @abstractmethod
    def region(self, frame: int) -> Box | None:
        """Return the rectangle of output frame ``frame`` that may change; None: pass it through."""

    @abstractmethod
    def paint(self, frames: Sequence[int], patches: Sequence[Patch]) -> list[Patch]:
        """Paint the regions of some output frames.

        ``patches[k]``: the source's samples in ``region(frames[k])``, on the engine's device.
        Returns patches of the same shapes; a sample that must not change keeps its value.
        """


class FullColourPerformance(Performance):
    """A performance that paints chroma at luma's resolution."""

    @torch.inference_mode()
    def paint(self, frames: Sequence[int], patches: Sequence[Patch]) -> list[Patch]:
        """Add to the decoded samples the difference that ``draw`` makes, and nothing else."""
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
        shapes; a pixel that must not change keeps exactly its value.
        """


class Engine(ABC, Generic[SpeechT]):
    """An engine that a worker has loaded, and keeps for its jobs."""

    name: str
    """Its key in ``config.engines.ENGINES``."""
    device: Device
    tracker: FaceTracker
    """The face tracker that is loaded with the engine, on the same device."""
    reference_face: NDArray[np.float32]
    """The average face (478, 3) in canonical coordinates (see ``face.reading.pose``), which every
    tracked face is aligned to."""
    weights_sha256: str
    """Hex digest of the engine's weights."""
    precision: str
    """The number types that it computes with, for the report: 'float32', …"""
    precision_reason: str = ""
    """Why these types: a clause for the operator's log."""
    batch: int
    """Output frames to draw in one call, where memory allows."""
    bytes_per_frame: int = 0
    """Memory of the device that each frame of such a call takes, bytes; 0: unknown."""
    threads: int = 1
    """torch's compute threads on the CPU while it works."""
    warnings: tuple[str, ...] = ()
    """Sentences for the operator about files that were not loaded."""

    def begin_job(self, frames: int) -> None:
        """Start a job with at most ``frames`` frames at once. The engine may raise that later."""

    def use_cores(self, count: int) -> None:
        """Spread the work of the next jobs over ``count`` cores of the CPU. Does nothing in an
        engine that keeps one core busy."""

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """All modules with weights on the device."""
        return ()

    def plan_synthetic_performance(
        self, template: Template, speech: SpeechT, timeline: Timeline
    ) -> Performance:
        """Return a performance that takes as much work and memory as any, for a template whose
        video cannot be read."""
        return self.plan_performance(template, speech, timeline)

    @abstractmethod
    def extract_features(self, waveform: Iterable[NDArray[np.float32]]) -> SpeechT:
        """Return the features of a whole sound.

        ``waveform``: consecutive blocks of mono samples at ``SAMPLE_RATE``, -1 … 1. Silence is
        no error."""

    def hear_video(
        self,
        video: Path,  # noqa: ARG002 - for engines that learn from it
        guard: MediaGuard,  # noqa: ARG002
    ) -> object | None:
        """Listen to the own sound of a video that is tracked meanwhile; return what the template
        shall hold for ``plan_performance``, None: nothing.

        Called in a thread of its own. What it raises counts as nothing.
        """
        return None

    @abstractmethod
    def plan_performance(
        self, template: Template, speech: SpeechT, timeline: Timeline
    ) -> Performance:
        """Plan the whole job.

        Raises BadInput where the template cannot be used, because it shows no usable face.
        """
