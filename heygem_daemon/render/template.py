"""Templates: a video's face track, made once and kept under the hash of its content."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from hashlib import file_digest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.engines.base import Template
from heygem_daemon.face.track import Track
from heygem_daemon.face.tracker import FaceTracker
from heygem_daemon.face_choice import FaceChoice
from heygem_daemon.media.reader import VideoReader
from heygem_daemon.render.overlap import Prefetched

TRACKING_VERSION = 1
"""Raised whenever the tracker would give other landmarks for the same pictures."""

SHORTEST_SECONDS = 30
"""At least this much of a video is tracked, even for a short sound: more mouths to borrow."""

PREFETCHED_PICTURES = 16
LANDMARKS = 478

OnPictures = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Files:
    folder: Path

    @property
    def landmarks(self) -> Path:
        return self.folder / "landmarks.npy"

    @property
    def present(self) -> Path:
        return self.folder / "present.npy"

    @property
    def score(self) -> Path:
        return self.folder / "score.npy"


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def pictures_to_track(available: int, needed: int, fps: Fraction) -> int:
    """How many pictures of a video to track for a job that shows ``needed`` of them.

    Lengths are 30 s times a power of two (or the whole video), so that jobs of similar length
    share a template, and the result never depends on what another job left in the cache.
    """
    length = max(1, round(SHORTEST_SECONDS * fps))
    while length < needed:
        length *= 2
    return min(length, available)


def prepare(
    reader: VideoReader,
    content: str,
    needed: int,
    tracker: FaceTracker,
    cache: Path,
    on_pictures: OnPictures,
    face: FaceChoice = "largest",
) -> Template:
    """The template of ``reader``'s video, from the cache or tracked now.

    ``content`` is the sha256 of the video file, ``needed`` how many of its pictures the job
    shows, ``face`` which of its faces speaks. ``on_pictures(done, total)`` is called as tracking
    goes on. Memory is constant in the video's length: landmarks go straight to a memory-mapped
    file.
    """
    count = pictures_to_track(reader.frames, needed, reader.info.fps)
    key = f"{content[:32]}-{count}-{face}-v{TRACKING_VERSION}"
    folder = cache / "templates" / key
    if not folder.is_dir():
        _track(reader, count, tracker, folder, on_pictures)
    (folder / "used").write_text(f"{time.time():.0f}\n")
    return Template(
        video=reader.path,
        key=key,
        cache=folder,
        width=reader.info.width,
        height=reader.info.height,
        colour=reader.info.colour,
        track=_load(_Files(folder)),
    )


def _track(
    reader: VideoReader, count: int, tracker: FaceTracker, folder: Path, on_pictures: OnPictures
) -> None:
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        _fill(reader, count, tracker, _Files(draft), on_pictures)
        draft.rename(folder)
    except OSError:
        # Another worker may have finished the same template first: both are the same.
        if not folder.is_dir():
            raise
    finally:
        # An hour of video takes half a gigabyte: nothing is left of what was cut short.
        shutil.rmtree(draft, ignore_errors=True)


def _fill(
    reader: VideoReader, count: int, tracker: FaceTracker, files: _Files, on_pictures: OnPictures
) -> None:
    landmarks = np.lib.format.open_memmap(
        files.landmarks, mode="w+", dtype=np.float32, shape=(count, LANDMARKS, 3)
    )
    reserve(files.landmarks)
    present: NDArray[np.bool_] = np.zeros(count, dtype=np.bool_)
    score: NDArray[np.float32] = np.zeros(count, dtype=np.float32)
    with Prefetched(reader.pictures(0, count), PREFETCHED_PICTURES) as pictures:
        for number, sample in enumerate(tracker.follow(pictures)):
            landmarks[number] = sample.landmarks
            present[number] = sample.present
            score[number] = sample.score
            on_pictures(number + 1, count)
    landmarks.flush()
    del landmarks
    np.save(files.present, present)
    np.save(files.score, score)


def reserve(file: Path) -> None:
    """Have room on the disk for all of a sparse file. Raises OSError where there is not so much:
    writing through a memory map would end the whole process by SIGBUS instead."""
    with file.open("r+b") as opened:
        os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)


def _load(files: _Files) -> Track:
    return Track(
        landmarks=np.load(files.landmarks, mmap_mode="r"),
        present=np.load(files.present),
        score=np.load(files.score),
    )
