"""How well the audio model hears what the mouths of people do whom it never met."""

from dataclasses import dataclass

import numpy as np

from benchmarks.lips.material import FREE_SPEAKERS, IN_SYNC, Face, is_truth
from benchmarks.lips.studio import Studio
from heygem_daemon.engines.builtin.audio.listening import AudioModel
from heygem_daemon.media.waveform import read_waveform
from training.corpus import Clip
from training.evaluate import alone


@dataclass(frozen=True, slots=True)
class Heard:
    """Correlation at lag 0 of what was heard of a clip's own sound with the clip's own mouth."""

    name: str
    group: str
    aperture: float
    width: float
    jaw: float


def heard(face: Face, studio: Studio, listener: AudioModel) -> Heard:
    """Listen to a clip's own sound and compare."""
    agreement = alone(clip_of(face, studio), listener)
    aperture, width, jaw, _ = agreement.correlation.tolist()
    return Heard(face.name, group_of(face.name), aperture, width, jaw)


def clip_of(face: Face, studio: Studio) -> Clip:
    """The face with its own sound, as training and adaptation know clips."""
    actor = studio.actor(face)
    present = np.isfinite(actor.mouth[:, 0])
    sound = np.concatenate([np.zeros(0, np.float32), *read_waveform(face.video)])
    return Clip(face.name, sound, np.nan_to_num(actor.mouth), present, actor.seconds)


def group_of(name: str) -> str:
    """Free speech and GRID have bars of their own; other clips have none."""
    if name in FREE_SPEAKERS:
        return "free"
    return "GRID" if is_truth(name) else "other"


def speaks_in_sync(name: str) -> bool:
    """Whether a clip's own sound belongs to its mouth."""
    return is_truth(name) or name in IN_SYNC
