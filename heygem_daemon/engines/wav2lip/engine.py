"""The engine ``wav2lip``: draws the mouth with a generator from a user's checkpoint."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from heygem_daemon.device.arrays import Floats
from heygem_daemon.device.precision import dtype_name
from heygem_daemon.engines.base import Device, Engine, PerformanceSummary, Template
from heygem_daemon.engines.checkpoints import BUILTIN_FOLDER, checkpoint_sha256
from heygem_daemon.engines.strength import Strength, compute_strength
from heygem_daemon.engines.wav2lip.boxes import face_boxes, fit_poses
from heygem_daemon.engines.wav2lip.checkpoint import load_generator
from heygem_daemon.engines.wav2lip.dtype_choice import choose_mode
from heygem_daemon.engines.wav2lip.mel import MelSpectrogram, window_starts
from heygem_daemon.engines.wav2lip.performance import (
    GeneratedPerformance,
    GenerationPlan,
    YuvRgbConverter,
)
from heygem_daemon.engines.wav2lip.runner import GeneratorRunner
from heygem_daemon.errors import BadInput, WeightsUnavailable
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.timeline import Timeline


@dataclass(frozen=True, slots=True)
class LoadedWav2Lip:
    """What an engine keeps loaded: the generator and what works around it."""

    runner: GeneratorRunner
    size: int
    """Edge of the generator's pictures, pixels."""
    mel_spectrogram: MelSpectrogram
    tracker: FaceTracker
    reference_face: Floats
    """The average face (478, 3) in canonical coordinates."""


class Wav2LipEngine(Engine[Tensor]):
    """Draws the mouth with a checkpoint of the Wav2Lip family."""

    name = "wav2lip"

    def __init__(self, loaded: LoadedWav2Lip, device: Device, weights_sha256: str) -> None:
        self.device = device
        self.tracker = loaded.tracker
        self.reference_face = loaded.reference_face
        self.weights_sha256 = weights_sha256
        self._loaded = loaded

    @property
    def precision(self) -> str:  # type: ignore[override]
        return dtype_name(self._loaded.runner.precision)

    @property
    def batch(self) -> int:  # type: ignore[override]
        return self._loaded.runner.batching.max_size

    def begin_job(self, frames: int) -> None:
        self._loaded.runner.begin_job(frames)

    def use_cores(self, count: int) -> None:
        self._loaded.runner.use_cores(count)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return (self._loaded.runner.network, *self.tracker.networks)

    @classmethod
    def load(cls, checkpoint: Path, weights: Path, device: Device, cache: Path) -> "Wav2LipEngine":
        """Load the engine with ``checkpoint`` onto ``device``.

        ``weights``: the folder of the shipped weights; ``cache``: the folder that keeps the
        measured mode. Raises WeightsUnavailable where a file is missing, damaged or of another
        shape.
        """
        where = torch.device(device.torch_device)
        digest = checkpoint_sha256(checkpoint)
        generator, layout = load_generator(checkpoint)
        try:
            measured = choose_mode(generator, digest, where, cache)
        except WeightsUnavailable as error:
            # The trial does not know the file's name.
            raise WeightsUnavailable(f"{checkpoint}: {error}") from error
        loaded = LoadedWav2Lip(
            GeneratorRunner(generator, measured.mode, where, checkpoint),
            layout.size,
            MelSpectrogram(),
            FaceTracker.load(weights / BUILTIN_FOLDER, device.torch_device),
            load_reference_face(weights / BUILTIN_FOLDER),
        )
        engine = cls(loaded, device, digest)
        engine.precision_reason = measured.reason
        return engine

    def extract_features(self, waveform: Iterable[Floats]) -> Tensor:
        """Return the mel spectrogram (80, steps) of the whole sound, -4 … 4."""
        return self._loaded.mel_spectrogram(waveform)

    def plan_performance(
        self, template: Template, speech: Tensor, timeline: Timeline
    ) -> GeneratedPerformance:
        track, sources = template.track, timeline.source_indices
        if not track.usable[sources].any():
            raise BadInput(
                f"No usable human face was found in the pictures of {template.video.name}.",
                "Use a video in which one real human face looks towards the camera.",
            )
        loaded = self._loaded
        strength = self._strength(template, sources)
        boxes = face_boxes(track, loaded.reference_face, template.width, template.height)
        plan = GenerationPlan(
            sources=sources,
            boxes=[
                boxes[source] if value > 0 else None
                for source, value in zip(sources.tolist(), strength.values, strict=True)
            ],
            strength=strength.values,
            mel_starts=window_starts(len(timeline), timeline.fps, speech.shape[1]),
        )
        device = torch.device(self.device.torch_device)
        return GeneratedPerformance(
            plan,
            track,
            speech,
            loaded.runner,
            YuvRgbConverter(template.colour, template.height, device),
            loaded.size,
            _summary(plan, strength),
        )

    def _strength(self, template: Template, sources: NDArray[np.int32]) -> Strength:
        track = template.track
        poses = [pose for _, pose in fit_poses(track, self._loaded.reference_face)]
        angles = np.concatenate([pose.angles() for pose in poses])
        scale = np.concatenate([pose.scale for pose in poses])
        return compute_strength(track.trouble[sources], angles[sources], scale[sources])


def _summary(plan: GenerationPlan, strength: Strength) -> PerformanceSummary:
    drawn = np.array([box is not None for box in plan.boxes])
    reasons = dict(strength.reasons)
    cropped = float(((strength.values > 0) & ~drawn).mean())
    if cropped:
        reasons["face outside the picture"] = cropped
    return PerformanceSummary(coverage=float(drawn.mean()), passed_through=reasons)
