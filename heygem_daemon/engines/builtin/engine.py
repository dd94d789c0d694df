"""The built-in engine: hears with Whisper's encoder, moves the person's own mouth."""

from collections.abc import Iterable
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Self

import torch
from torch import nn

from heygem_daemon.device.arrays import Floats
from heygem_daemon.device.precision import name_of
from heygem_daemon.engines.base import Device, Engine, Template
from heygem_daemon.engines.builtin.audio.listening import Listener, Speech
from heygem_daemon.engines.builtin.performance import MouthPerformance
from heygem_daemon.engines.builtin.planner import meet, rehearse
from heygem_daemon.engines.builtin.synthetic_performance import improvised
from heygem_daemon.engines.builtin.targets.speaker_adaptation import own_speech
from heygem_daemon.engines.builtin.warp.aim import MouthShape, load_shape
from heygem_daemon.face.reading.pose import load_reference
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.timeline import Timeline

FOLDER = "builtin"
BATCH = {"cpu": 8, "cuda": 32}


class BuiltinEngine(Engine[Speech]):
    """Everything that it needs ships with the program."""

    name = "builtin"

    def __init__(
        self,
        listener: Listener,
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
        listener.encoder.tell = self._warn
        self.reference = reference
        self._shape = shape

    @classmethod
    def load(cls, weights: Path, device: Device) -> Self:
        """The engine with the weights in ``weights/builtin``, resident on ``device``.

        Raises WeightsUnavailable where a file is missing, damaged or of another shape.
        """
        folder = weights / FOLDER
        return cls(
            Listener.load(folder, device.torch_device),
            FaceTracker.load(folder, device.torch_device),
            load_reference(folder),
            load_shape(folder),
            device,
            hash_of(folder),
        )

    def listen(self, waveform: Iterable[Floats]) -> Speech:
        return self.listener.listen(waveform)

    def perform(self, template: Template, speech: Speech, timeline: Timeline) -> MouthPerformance:
        person = meet(template, self.reference, timeline)
        own = own_speech(template, person.parameters, self.listener.listen, self.weights_sha256)
        return rehearse(template, person, own, speech, timeline, self._shape, self._where)

    def improvise(
        self,
        template: Template,
        speech: Speech,  # noqa: ARG002 - the mouth opens as wide as any, whatever is said
        timeline: Timeline,
    ) -> MouthPerformance:
        return improvised(template, timeline.sources, self.reference, self._shape, self._where)

    @property
    def precision(self) -> str:  # type: ignore[override]
        hearing = self.listener.encoder.precision
        if hearing == torch.float32:
            return name_of(hearing)
        return f"float32, hearing in {name_of(hearing)}"

    @property
    def precision_reason(self) -> str:  # type: ignore[override]
        return self.listener.encoder.reason

    def _warn(self, sentence: str) -> None:
        self.warnings = (*self.warnings, sentence)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        return (*self.listener.networks, *self.tracker.networks)

    @property
    def _where(self) -> torch.device:
        return torch.device(self.device.torch_device)


def hash_of(folder: Path) -> str:
    """Hex digest over the names and contents of a folder's weights."""
    digest = sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(path.name.encode() + file_digest(file, "sha256").digest())
    return digest.hexdigest()
