"""Clips of real speakers, tracked once: the audio, and how the mouth moved."""

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
    """A clip of T pictures."""

    name: str
    sound: Floats
    """float32 (n,), mono at 16 kHz, -1 to 1."""
    mouth: Floats
    """float32 (T, 4), mouth parameters, IOD; 0 where there is no face."""
    present: NDArray[np.bool_]
    """bool (T,), whether there is a face."""
    seconds: Floats
    """float32 (T,), when each picture is shown."""


class Corpus:
    """A folder of clips, with their tracks cached in another folder."""

    def __init__(self, weights: Path, cache: Path) -> None:
        self._tracker = FaceTracker.load(weights)
        self._reference = load_reference_face(weights)
        self._cache = cache
        cache.mkdir(parents=True, exist_ok=True)

    def clips(self, folder: Path, limit: int | None = None) -> Iterator[Clip]:
        """Yield the clips of a folder in an order that does not depend on their names.

        The first ``limit`` are therefore a fair sample.
        """
        found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
        for path in sorted(found, key=_name_hash)[:limit]:
            yield self.clip(path)

    def clip(self, path: Path) -> Clip:
        """Return one clip, from the cache or tracked now."""
        cached = self._cache / f"{path.stem}.npz"
        if not cached.exists():
            self._track(path, cached)
        sound = np.concatenate([np.zeros(0, np.float32), *read_waveform(path)])
        with np.load(cached) as tracked:
            return Clip(path.stem, sound, **tracked)

    def _track(self, path: Path, cached: Path) -> None:
        with VideoReader(path) as reader:
            track = self._tracker.track(reader.read_range())
            seconds = reader.timestamps.astype(np.float32)
        pose = fit_pose(track.landmarks[track.present], self._reference)
        mouth = np.zeros((len(track), 4), np.float32)
        mouth[track.present] = measure_mouth(pose.to_canonical(track.landmarks[track.present]))
        np.savez(cached, mouth=mouth, present=track.present, seconds=seconds)


def _name_hash(path: Path) -> bytes:
    """Return a sort key that shuffles clips in the same way every time."""
    return hashlib.sha256(path.stem.encode()).digest()
