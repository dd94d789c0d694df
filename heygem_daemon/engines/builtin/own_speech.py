"""What a video's own sound tells of its person: how this mouth moves when it speaks.

Learned once from the first seconds of a template, and kept with it.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from heygem_daemon.engines.base import SAMPLE_RATE, Template
from heygem_daemon.engines.builtin.adaptation import Adaptation, fit, none
from heygem_daemon.engines.builtin.habits import moves
from heygem_daemon.engines.builtin.listening import Speech
from heygem_daemon.engines.builtin.over_time import at
from heygem_daemon.engines.builtin.sync import Sync, find_sync
from heygem_daemon.errors import BadInput
from heygem_daemon.face.mouth import APERTURE
from heygem_daemon.media.audio import waveform
from heygem_daemon.media.reader import VideoReader
from heygem_daemon.speech.features import STATE_RATE

Floats = NDArray[np.float32]
Listen = Callable[[Iterable[Floats]], Speech]

VERSION = 2
"""Raised whenever the same video and weights would tell something else."""
HEARD_SECONDS = 40
"""So much of a video's sound is listened to: a second or two of work, however long the video."""
LEAST_SPEECH_SECONDS = 2.0
"""From less speech nothing is learned."""

NO_SOUND = "the video has no sound"
STILL = "the mouth in the video does not move as in speech"
SHORT = "the video's sound holds too little speech"
STRANGE = "the video's sound does not fit its mouth"
NO_BETTER = "held-out seconds were not predicted better"
HELPS = "held-out seconds were predicted better"


@dataclass(frozen=True, slots=True)
class OwnSpeech:
    """What was learned.

    ``reason``: the verdict, in words; ``sync``: how sound and mouth agree; ``speaking``:
    (T,), the pictures in which the person is seen and heard to speak, none where the sound does
    not fit; ``adaptation``: to this person, maybe none."""

    reason: str
    sync: Sync
    speaking: NDArray[np.bool_]
    adaptation: Adaptation

    @property
    def figures(self) -> dict[str, float | int | str | bool]:
        """What the report says of it."""
        known = bool(self.speaking.any())
        use = "used" if self.adaptation.helps else "own range only" if known else "not used"
        return {
            "adaptation": use,
            "adaptation_reason": self.reason,
            "adaptation_gain": round(float(self.adaptation.gain[APERTURE]), 3),
            "own_sound_correlation": round(self.sync.correlation, 3),
            "own_sound_offset_ms": round(1000 * self.sync.offset) if known else 0,
        }


def own_speech(template: Template, parameters: Floats, listen: Listen, weights: str) -> OwnSpeech:
    """What the template's sound tells of the mouth with ``parameters`` (T, 4), NaN where no face.

    From the template's cache, where it was learned with the same ``weights`` (their hash) before.
    A sound that is missing or cannot be decoded is none. Raises EnvironmentFault.
    """
    path = template.cache / f"builtin-speech-v{VERSION}-{weights[:16]}.safetensors"
    try:
        return _read(path)
    except (OSError, KeyError, IndexError, SafetensorError):
        seen = np.where(template.track.usable[:, None], parameters, np.nan).astype(np.float32)
        own = learn(template.video, seen, listen)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    _write(own, draft)
    draft.rename(path)
    return own


def learn(video: Path, parameters: Floats, listen: Listen) -> OwnSpeech:
    """As ``own_speech``, without a cache."""
    present = np.isfinite(parameters[:, 0])
    if not moves(parameters[present]):
        return nothing(STILL, len(parameters))
    try:
        speech = listen(opening(waveform(video), HEARD_SECONDS * SAMPLE_RATE))
    except BadInput:
        return nothing(NO_SOUND, len(parameters))
    if speech.silent:
        return nothing(NO_SOUND, len(parameters))
    with VideoReader(video) as reader:
        seconds = reader.timestamps[: len(parameters)].astype(np.float32)
    return compare(speech, seconds, parameters)


def compare(speech: Speech, seconds: Floats, parameters: Floats) -> OwnSpeech:
    """What ``speech`` tells of the mouth with ``parameters`` (T, 4), NaN where there is no face,
    in pictures shown at ``seconds`` (T,)."""
    known = np.isfinite(parameters[:, 0]) & (seconds < len(speech) / STATE_RATE)
    if known.sum() < 2:
        return nothing(SHORT, len(parameters))
    shown, seen = seconds[known], parameters[known]
    sync = find_sync(speech.score, shown, seen)
    speaking = known & (at(speech.activity[:, None], seconds + sync.offset)[:, 0] > 0.5)
    fps = len(shown) / (float(np.ptp(shown)) + 1e-6)
    if speaking.sum() < LEAST_SPEECH_SECONDS * fps:
        return nothing(SHORT, len(parameters), sync)
    if not sync.fits:
        return nothing(STRANGE, len(parameters), sync)
    heard = shown + sync.offset
    hidden = at(speech.hidden.astype(np.float32), heard)
    adaptation = fit(at(speech.score, heard), hidden, seen, fps)
    return OwnSpeech(HELPS if adaptation.helps else NO_BETTER, sync, speaking, adaptation)


def nothing(reason: str, pictures: int, sync: Sync | None = None) -> OwnSpeech:
    """Nothing was learned."""
    silent = np.zeros(pictures, np.bool_)
    return OwnSpeech(reason, sync or Sync(0.0, 0.0, 0.0), silent, none())


def opening(blocks: Iterable[Floats], samples: int) -> Iterator[Floats]:
    """The first so many samples of a sound."""
    for block in blocks:
        yield block[:samples]
        samples -= len(block)
        if samples <= 0:
            return


def _write(own: OwnSpeech, path: Path) -> None:
    sync, adaptation = own.sync, own.adaptation
    tensors: dict[str, NDArray[Any]] = {
        "reason": np.frombuffer(own.reason.encode(), np.uint8),
        "sync": np.array([sync.offset, sync.correlation, sync.significance], np.float32),
        "speaking": own.speaking,
        "weights": adaptation.weights,
        "gain": adaptation.gain,
    }
    save_file(tensors, path)


def _read(path: Path) -> OwnSpeech:
    tensors = load_file(path)
    sync = Sync(*(float(value) for value in tensors["sync"]))
    adaptation = Adaptation(tensors["weights"], tensors["gain"])
    reason = tensors["reason"].tobytes().decode()
    return OwnSpeech(reason, sync, tensors["speaking"], adaptation)
