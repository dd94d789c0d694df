"""The built-in engine: hears with Whisper's encoder, moves the person's own mouth."""

from collections.abc import Iterable
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Self

import torch
from torch import nn

from heygem_daemon.device.arrays import Floats
from heygem_daemon.device.precision import dtype_name
from heygem_daemon.engines.base import Device, Engine, Template
from heygem_daemon.engines.builtin.audio.listening import AudioModel, Speech
from heygem_daemon.engines.builtin.performance import MouthPerformance
from heygem_daemon.engines.builtin.planner import plan_performance, require_person
from heygem_daemon.engines.builtin.synthetic_performance import build_synthetic_performance
from heygem_daemon.engines.builtin.targets.speaker_adaptation import load_speaker_adaptation
from heygem_daemon.engines.builtin.warp.aim import MouthShape, load_shape
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.timeline import Timeline

FOLDER = "builtin"
BATCH = {"cpu": 8, "cuda": 32}


class BuiltinEngine(Engine[Speech]):
    """Everything that it needs ships with the program."""

    name = "builtin"

    def __init__(
        self,
        listener: AudioModel,
        tracker: FaceTracker,
        reference: Floats,
        shape: MouthShape,
        device: Device,
        weights_sha256: str,
    ) -> None:
        self.device = device
        self.tracker = tracker
        self.weights_sha256 = weights_sha256
        self.batch = BATCH[torch.device(device.torch_device).type]
        self.listener = listener
        listener.encoder.on_fallback = self._warn
        self.reference_face = reference
        self._shape = shape

    @classmethod
    def load(cls, weights: Path, device: Device) -> Self:
        """The engine with the weights in ``weights/builtin``, resident on ``device``.

        Raises WeightsUnavailable where a file is missing, damaged or of another shape.
        """
        folder = weights / FOLDER
        return cls(
            AudioModel.load(folder, device.torch_device),
            FaceTracker.load(folder, device.torch_device),
            load_reference_face(folder),
            load_shape(folder),
            device,
            hash_weights(folder),
        )

    def extract_features(self, waveform: Iterable[Floats]) -> Speech:
        return self.listener.listen(waveform)

    def plan_performance(
        self, template: Template, speech: Speech, timeline: Timeline
    ) -> MouthPerformance:
        person = require_person(template, self.reference_face, timeline)
        own = load_speaker_adaptation(
            template, person.parameters, self.listener.listen, self.weights_sha256
        )
        return plan_performance(
            template, person, own, speech, timeline, self._shape, self._torch_device
        )

    def plan_synthetic_performance(
        self,
        template: Template,
        speech: Speech,  # noqa: ARG002 - the mouth opens as wide as any, whatever is said
        timeline: Timeline,
    ) -> MouthPerformance:
        return build_synthetic_performance(
            template, timeline.source_indices, self.reference_face, self._shape, self._torch_device
        )

    @property
    def precision(self) -> str:  # type: ignore[override]
        hearing = self.listener.encoder.precision
        if hearing == torch.float32:
            return dtype_name(hearing)
        return f"float32, hearing in {dtype_name(hearing)}"

    @property
    def precision_reason(self) -> str:  # type: ignore[override]
        return self.listener.encoder.reason

    def _warn(self, sentence: str) -> None:
        self.warnings = (*self.warnings, sentence)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return (*self.listener.networks, *self.tracker.networks)

    @property
    def _torch_device(self) -> torch.device:
        return torch.device(self.device.torch_device)


def hash_weights(folder: Path) -> str:
    """Hex digest over the names and contents of a folder's weights."""
    digest = sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(path.name.encode() + file_digest(file, "sha256").digest())
    return digest.hexdigest()
