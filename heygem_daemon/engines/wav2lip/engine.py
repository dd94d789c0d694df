"""Engine ``wav2lip``: a generator from a checkpoint that the user brings."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from heygem_daemon.device.arrays import Floats
from heygem_daemon.device.precision import name_of
from heygem_daemon.engines.base import Device, Engine, PerformanceSummary, Template
from heygem_daemon.engines.checkpoints import SHIPPED, sha256_of
from heygem_daemon.engines.strength import Strength, strength_of
from heygem_daemon.engines.wav2lip.boxes import face_boxes, poses_of
from heygem_daemon.engines.wav2lip.checkpoint import load_generator
from heygem_daemon.engines.wav2lip.dtype_choice import measured_pace
from heygem_daemon.engines.wav2lip.mel import MelSpectrogram, first_steps
from heygem_daemon.engines.wav2lip.performance import Colours, GeneratedPerformance, Script
from heygem_daemon.engines.wav2lip.runner import Runner
from heygem_daemon.errors import BadInput, WeightsUnavailable
from heygem_daemon.face.reading.pose import load_reference
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Resident:
    """What an engine keeps loaded: the generator and what it needs around it."""

    runner: Runner
    size: int
    mels: MelSpectrogram
    tracker: FaceTracker
    reference: Floats


class Wav2LipEngine(Engine[Tensor]):
    """Draws the mouth with a checkpoint of the Wav2Lip family."""

    name = "wav2lip"

    def __init__(self, resident: Resident, device: Device, weights_sha256: str) -> None:
        self.device = device
        self.tracker = resident.tracker
        self.reference = resident.reference
        self.weights_sha256 = weights_sha256
        self._resident = resident

    @property
    def precision(self) -> str:  # type: ignore[override]
        return name_of(self._resident.runner.precision)

    @property
    def batch(self) -> int:  # type: ignore[override]
        return self._resident.runner.batching.most

    def begin(self, frames: int) -> None:
        self._resident.runner.begin(frames)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return (self._resident.runner.network, *self.tracker.networks)

    @classmethod
    def load(cls, checkpoint: Path, weights: Path, device: Device, cache: Path) -> "Wav2LipEngine":
        """The engine with ``checkpoint``, resident on ``device``.

        ``weights``: the folder of the shipped weights; ``cache``: where the measured pace is kept.
        Raises WeightsUnavailable where a file is missing, damaged or of another shape.
        """
        where = torch.device(device.torch_device)
        digest = sha256_of(checkpoint)
        generator, layout = load_generator(checkpoint)
        try:
            measured = measured_pace(generator, digest, where, cache)
        except WeightsUnavailable as error:
            # What is tried out knows of no file.
            raise WeightsUnavailable(f"{checkpoint}: {error}") from error
        resident = Resident(
            Runner(generator, measured.pace, where, checkpoint),
            layout.size,
            MelSpectrogram(),
            FaceTracker.load(weights / SHIPPED, device.torch_device),
            load_reference(weights / SHIPPED),
        )
        engine = cls(resident, device, digest)
        engine.precision_reason = measured.reason
        return engine

    def listen(self, waveform: Iterable[Floats]) -> Tensor:
        """The mel spectrogram (80, steps) of the whole sound."""
        return self._resident.mels(waveform)

    def perform(
        self, template: Template, speech: Tensor, timeline: Timeline
    ) -> GeneratedPerformance:
        track, sources = template.track, timeline.sources
        if not track.usable[sources].any():
            raise BadInput(
                f"No usable human face was found in the pictures of {template.video.name}.",
                "Use a video in which one real human face looks towards the camera.",
            )
        resident = self._resident
        strength = self._strength(template, sources)
        boxes = face_boxes(track, resident.reference, template.width, template.height)
        script = Script(
            sources=sources,
            boxes=[
                boxes[source] if value > 0 else None
                for source, value in zip(sources.tolist(), strength.values, strict=True)
            ],
            strength=strength.values,
            steps=first_steps(len(timeline), timeline.fps, speech.shape[1]),
        )
        device = torch.device(self.device.torch_device)
        return GeneratedPerformance(
            script,
            track,
            speech,
            resident.runner,
            Colours(template.colour, template.height, device),
            resident.size,
            _summary(script, strength),
        )

    def _strength(self, template: Template, sources: NDArray[np.int32]) -> Strength:
        track = template.track
        poses = [pose for _, pose in poses_of(track, self._resident.reference)]
        angles = np.concatenate([pose.angles() for pose in poses])
        scale = np.concatenate([pose.scale for pose in poses])
        return strength_of(track.trouble[sources], angles[sources], scale[sources])


def _summary(script: Script, strength: Strength) -> PerformanceSummary:
    drawn = np.array([box is not None for box in script.boxes])
    reasons = dict(strength.reasons)
    cropped = float(((strength.values > 0) & ~drawn).mean())
    if cropped:
        reasons["face outside the picture"] = cropped
    return PerformanceSummary(coverage=float(drawn.mean()), passed_through=reasons)
