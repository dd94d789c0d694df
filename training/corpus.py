"""Clips of real speakers, tracked once: what was said, and how the mouth moved."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.reading.pose import fit_pose, load_reference_face
from heygem_daemon.face.tracking.mouth import measure_mouth
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform

Floats = NDArray[np.float32]
SUFFIXES = {".mkv", ".mpg", ".mp4", ".mov"}


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip: ``sound`` float32 (n,) at 16 kHz; ``mouth`` float32 (T, 4), the parameters of
    ``face.mouth`` in IOD; ``present`` bool (T,); ``seconds`` float32 (T,), when each
    picture is shown."""

    name: str
    sound: Floats
    mouth: Floats
    present: NDArray[np.bool_]
    seconds: Floats


class Corpus:
    """Folder of clips, with their tracks kept in another folder."""

    def __init__(self, weights: Path, cache: Path) -> None:
        self._tracker = FaceTracker.load(weights)
        self._reference = load_reference_face(weights)
        self._cache = cache
        cache.mkdir(parents=True, exist_ok=True)

    def clips(self, folder: Path, limit: int | None = None) -> Iterator[Clip]:
        """The clips of a folder in an order that does not follow their names, so that the first
        ``limit`` are a fair sample."""
        found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
        for path in sorted(found, key=_shuffled)[:limit]:
            yield self.clip(path)

    def clip(self, path: Path) -> Clip:
        """One clip; tracked now unless it was before."""
        kept = self._cache / f"{path.stem}.npz"
        if not kept.exists():
            self._track(path, kept)
        sound = np.concatenate([np.zeros(0, np.float32), *read_waveform(path)])
        with np.load(kept) as tracked:
            return Clip(path.stem, sound, **tracked)

    def _track(self, path: Path, kept: Path) -> None:
        with VideoReader(path) as reader:
            track = self._tracker.track(reader.read_range())
            seconds = reader.timestamps.astype(np.float32)
        pose = fit_pose(track.landmarks[track.present], self._reference)
        mouth = np.zeros((len(track), 4), np.float32)
        mouth[track.present] = measure_mouth(pose.to_canonical(track.landmarks[track.present]))
        np.savez(kept, mouth=mouth, present=track.present, seconds=seconds)


def _shuffled(path: Path) -> bytes:
    return hashlib.sha256(path.stem.encode()).digest()
