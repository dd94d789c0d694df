"""How well the audio model predicts the mouths of unknown speakers."""

from dataclasses import dataclass

import numpy as np

from benchmarks.lips.material import FREE_SPEAKERS, IN_SYNC, Face, is_reference
from benchmarks.lips.studio import Studio
from heygem_daemon.engines.builtin.audio.listening import AudioModel
from heygem_daemon.media.waveform import read_waveform
from training.corpus import Clip
from training.evaluate import evaluate_clip


@dataclass(frozen=True, slots=True)
class Prediction:
    """Correlation at lag 0 of the mouth predicted from a clip's own audio with the clip's mouth."""

    name: str
    group: str
    aperture: float
    width: float
    jaw: float


def predict(face: Face, studio: Studio, listener: AudioModel) -> Prediction:
    """Predict the mouth from a clip's own audio, and compare."""
    agreement = evaluate_clip(clip_of(face, studio), listener)
    aperture, width, jaw, _ = agreement.correlation.tolist()
    return Prediction(face.name, group_of(face.name), aperture, width, jaw)


def clip_of(face: Face, studio: Studio) -> Clip:
    """Return the face and its own audio as a clip of training and adaptation."""
    actor = studio.actor(face)
    present = np.isfinite(actor.mouth[:, 0])
    sound = np.concatenate([np.zeros(0, np.float32), *read_waveform(face.video)])
    return Clip(face.name, sound, np.nan_to_num(actor.mouth), present, actor.seconds)


def group_of(name: str) -> str:
    """Return the group of a clip: free speech and GRID have targets of their own, others none."""
    if name in FREE_SPEAKERS:
        return "free"
    return "GRID" if is_reference(name) else "other"


def speaks_in_sync(name: str) -> bool:
    """Return whether a clip's own audio belongs to its mouth."""
    return is_reference(name) or name in IN_SYNC
