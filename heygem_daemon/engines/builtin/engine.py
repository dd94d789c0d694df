"""The built-in engine: predicts how a mouth moves with audio, and moves the person's own mouth."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Self

import torch
from torch import nn

from heygem_daemon.device.arrays import Floats
from heygem_daemon.device.precision import dtype_name
from heygem_daemon.engines.base import Device, Engine, Template
from heygem_daemon.engines.builtin.audio.listening import AudioModel, Speech
from heygem_daemon.engines.builtin.interior.shipped_interior import (
    ShippedInterior,
    load_interior,
)
from heygem_daemon.engines.builtin.performance import MouthPerformance
from heygem_daemon.engines.builtin.planner import plan_performance, require_person
from heygem_daemon.engines.builtin.synthetic_performance import build_synthetic_performance
from heygem_daemon.engines.builtin.targets.speaker_adaptation import (
    OwnSound,
    hear_own_sound,
    load_speaker_adaptation,
)
from heygem_daemon.engines.builtin.warp.aim import MouthShape, load_shape
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.system.checksum import sha256_of

FOLDER = "builtin"
BATCH = {"cpu": 8, "cuda": 32}


class BuiltinEngine(Engine[Speech]):
    """The engine whose weights ship with the program."""

    name = "builtin"

    def __init__(
        self,
        listener: AudioModel,
        tracker: FaceTracker,
        reference: Floats,
        shape: MouthShape,
        interior: ShippedInterior,
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
        self._interior = interior

    @classmethod
    def load(cls, weights: Path, device: Device) -> Self:
        """Load the weights in ``weights/builtin`` onto ``device``.

        Raises WeightsUnavailable if a file is missing, damaged or has another shape.
        """
        folder = weights / FOLDER
        return cls(
            AudioModel.load(folder, device.torch_device),
            FaceTracker.load(folder, device.torch_device),
            load_reference_face(folder),
            load_shape(folder),
            load_interior(folder),
            device,
            hash_weights(folder),
        )

    def extract_features(self, waveform: Iterable[Floats]) -> Speech:
        return self.listener.listen(waveform)

    def hear_video(self, video: Path, guard: MediaGuard) -> OwnSound | None:
        # A GPU that tracks has no core to spare for it.
        return hear_own_sound(video, self.listener.listen, guard) if self._is_on_cpu else None

    def plan_performance(
        self, template: Template, speech: Speech, timeline: Timeline
    ) -> MouthPerformance:
        person = require_person(template, self.reference_face, timeline)
        adaptation = load_speaker_adaptation(
            template, person.parameters, self.listener.listen, self.weights_sha256
        )
        return plan_performance(
            template,
            person,
            adaptation,
            speech,
            timeline,
            self._shape,
            self._interior,
            self._torch_device,
        )

    def plan_synthetic_performance(
        self,
        template: Template,
        speech: Speech,  # noqa: ARG002 - the mouth opens as wide as possible, whatever the speech
        timeline: Timeline,
    ) -> MouthPerformance:
        return build_synthetic_performance(
            template,
            timeline.source_indices,
            self.reference_face,
            self._shape,
            self._interior,
            self._torch_device,
        )

    @property
    def precision(self) -> str:  # type: ignore[override]
        encoder_dtype = self.listener.encoder.precision
        if encoder_dtype == torch.float32:
            return dtype_name(encoder_dtype)
        return f"float32, hearing in {dtype_name(encoder_dtype)}"

    @property
    def precision_reason(self) -> str:  # type: ignore[override]
        return self.listener.encoder.reason

    def _warn(self, warning: str) -> None:
        self.warnings = (*self.warnings, warning)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return (*self.listener.networks, *self.tracker.networks)

    @property
    def _is_on_cpu(self) -> bool:
        return self._torch_device.type == "cpu"

    @property
    def _torch_device(self) -> torch.device:
        return torch.device(self.device.torch_device)


def hash_weights(folder: Path) -> str:
    """Return the SHA-256 hex digest of the names and contents of a folder's weight files."""
    digest = sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(path.name.encode() + bytes.fromhex(sha256_of(path)))
    return digest.hexdigest()
