"""Prepare templates: a video's face track, made once and cached by the hash of the video.

A program that opened the video before it was claimed may still write into it, so that what is
tracked is not what was hashed. So the cache gets nothing before it is proven that the video did not
change.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.config.choices import FaceChoice
from heygem_daemon.engines.base import Template
from heygem_daemon.errors import BadInput
from heygem_daemon.face.tracking.mouth import mouth_surroundings
from heygem_daemon.face.tracking.multi_face import OnFace
from heygem_daemon.face.tracking.smoothing import FaceSample
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.kept_crops import Corners, KeptCrops
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.shown_pixels import in_shown_pixels, shown_size
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.render.overlap import Prefetcher
from heygem_daemon.system.staging import StagedFolder

TRACKING_VERSION = 7
"""Increased whenever the tracker would give other landmarks for the same file."""

TONE_MAP_VERSION = 1
"""Increased whenever the SDR pictures of an HDR video would be others."""

MIN_TRACKED_SECONDS = 30
"""At least this much of a video is tracked, even for a short sound, to find more donor frames."""

PREFETCHED_PICTURES = 16
LANDMARKS = 478

OnPictures = Callable[[int, int], None]
"""``on_pictures(done, total)``."""
Follow = Callable[[Path, OnFace], Iterator[FaceSample]]
"""Returns the samples of the video: see ``SharedTracking.samples``."""

_LANDMARKS = "landmarks.npy"
_COLUMNS = {"present": np.bool_, "score": np.float32, "trouble": np.uint8, "person": np.int16}
"""Further arrays of a track, with one value per picture, each in a file of its own."""


def pictures_to_track(available: int, needed: int, fps: Fraction) -> int:
    """Return how many pictures of a video to track for a job that shows ``needed`` of them.

    Lengths are 30 s times a power of two (or the whole video), so that jobs of similar length
    share a template, and the result does not depend on what other jobs left in the cache.
    """
    length = max(1, round(MIN_TRACKED_SECONDS * fps))
    while length < needed:
        length *= 2
    return min(length, available)


def template_key(
    reader: VideoReader, video_sha256: str, needed_pictures: int, face: FaceChoice
) -> str:
    """Return the name of a template; parameters as ``staged_template``."""
    count = pictures_to_track(reader.frame_count, needed_pictures, reader.info.fps)
    # An HDR video is tracked in the SDR pictures that are made of it.
    mapped = f"-sdr{TONE_MAP_VERSION}" if reader.info.hdr is not None else ""
    turned = f"-turned{reader.info.turned}" if reader.info.turned else ""
    return f"{video_sha256[:32]}-{count}-{face}-v{TRACKING_VERSION}{mapped}{turned}"


def template_folder(cache: Path, key: str) -> Path:
    """Return where the template of that name lies in the cache."""
    return cache / "templates" / key


def prepare_template(
    reader: VideoReader,
    video_sha256: str,
    needed_pictures: int,
    tracker: FaceTracker,
    cache: Path,
    on_pictures: OnPictures,
    face: FaceChoice = "largest",
) -> Template:
    """Return the template of a video that nobody changes; parameters as ``staged_template``."""
    with staged_template(
        reader, video_sha256, needed_pictures, tracker, cache, on_pictures, lambda: True, face
    ) as template:
        pass
    return replace(template, cache=template_folder(cache, template.key), staging=None)


@contextmanager
def staged_template(
    reader: VideoReader,
    video_sha256: str,
    needed_pictures: int,
    tracker: FaceTracker | Follow,
    cache: Path,
    on_pictures: OnPictures,
    is_proven: Callable[[], bool],
    face: FaceChoice = "largest",
) -> Iterator[Template]:
    """Yield the template of a video, from the cache or tracked now.

    What is new of it enters the cache at the end of the block, also where that raises, if
    ``is_proven()`` then says that the video is still what was hashed.

    ``video_sha256``: hash of the video file. ``needed_pictures``: how many of its pictures the job
    shows. ``face``: which of its faces speaks. ``on_pictures(done, total)`` is called as tracking
    goes on. Memory does not grow with the video's length: landmarks are written to a
    memory-mapped file. ``tracker``: what follows the face, alone or with other workers; these call
    ``on_pictures`` themselves. Raises BadInput where ``face`` is a number and the video never shows
    that many faces.
    """
    count = pictures_to_track(reader.frame_count, needed_pictures, reader.info.fps)
    key = template_key(reader, video_sha256, needed_pictures, face)
    staging = StagedFolder(template_folder(cache, key))
    try:
        mouths: KeptCrops | None = None
        if staging.is_new:
            mouths = KeptCrops(reader.scratch)
            _TemplateTracker(reader, count, tracker, face, on_pictures, mouths).track_into(
                staging.folder
            )
        (staging.folder / "used").write_text(f"{time.time():.0f}\n")
        template = _describe(reader, key, staging, mouths)
        try:
            yield template
        finally:
            if is_proven():
                staging.publish()
    finally:
        staging.discard()


def _describe(
    reader: VideoReader, key: str, staging: StagedFolder, mouths: KeptCrops | None
) -> Template:
    info = reader.info
    width, height = shown_size(info.width, info.height, info.sample_aspect)
    return Template(
        video=reader.path,
        key=key,
        cache=staging.folder,
        width=width,
        height=height,
        colour=info.colour,
        track=_load(staging.folder),
        guard=reader.guard,
        mouths=mouths,
        turn=reader.turned,
        times=reader.times,
        staging=staging,
    )


@dataclass(frozen=True, slots=True)
class _TemplateTracker:
    """Tracks the video of one template."""

    reader: VideoReader
    count: int
    tracker: FaceTracker | Follow
    face: FaceChoice
    on_pictures: OnPictures
    mouths: KeptCrops
    """Gets the pictures around the mouths of all faces."""

    def track_into(self, folder: Path) -> None:
        """Track the video, and write the track into ``folder``."""
        landmarks = np.lib.format.open_memmap(
            folder / _LANDMARKS, mode="w+", dtype=np.float32, shape=(self.count, LANDMARKS, 3)
        )
        reserve(folder / _LANDMARKS)
        max_faces = 0
        columns: dict[str, NDArray[Any]] = {
            name: np.zeros(self.count, kind) for name, kind in _COLUMNS.items()
        }
        for number, sample in enumerate(self._follow(folder)):
            self.reader.guard.step()
            landmarks[number] = sample.landmarks
            for name, column in columns.items():
                column[number] = getattr(sample, name)
            max_faces = max(max_faces, sample.face_count)
        self.on_pictures(self.count, self.count)
        require_face(self.face, max_faces)
        landmarks.flush()
        del landmarks
        for name, column in columns.items():
            np.save(folder / f"{name}.npy", column)

    def _follow(self, folder: Path) -> Iterator[FaceSample]:
        if not isinstance(self.tracker, FaceTracker):
            yield from self.tracker(folder, self._keep_mouth)
            return
        stored = self.reader.read_range(0, self.count)
        shown = in_shown_pixels(stored, self.reader.info.sample_aspect)
        with Prefetcher(shown, PREFETCHED_PICTURES) as pictures:
            yield from self.tracker.follow(
                self._report_pictures(pictures), self.face, folder, self._keep_mouth
            )

    def _keep_mouth(self, picture: Picture, landmarks: NDArray[np.float32]) -> None:
        self.mouths.add(picture, Corners(*mouth_surroundings(landmarks)))

    def _report_pictures(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Yield ``pictures``, and report their number as they are taken."""
        for number, picture in enumerate(pictures):
            self.on_pictures(number, self.count)
            yield picture


def require_face(face: FaceChoice, max_faces: int) -> None:
    """Raise BadInput where ``face`` is a number and no shot shows that many faces.

    ``max_faces``: the most faces in any shot. With 0 nothing is raised here: the engine refuses.
    """
    if isinstance(face, int) and 0 < max_faces < face:
        shown = "no more than one face" if max_faces == 1 else f"no more than {max_faces} faces"
        numbers = "1" if max_faces == 1 else f"a number from 1 (leftmost) to {max_faces}"
        raise BadInput(
            f"Face {face} from the left was requested, but the video shows {shown} at a time.",
            f"Set face to {numbers}, or to largest, left or right.",
        )


def reserve(file: Path) -> None:
    """Reserve disk space for all of a sparse file. Raises OSError where the disk is too full.

    Without it, writing through a memory map to a full disk would kill the process with SIGBUS.
    """
    with file.open("r+b") as opened:
        os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)


def _load(folder: Path) -> Track:
    columns = {name: np.load(folder / f"{name}.npy") for name in _COLUMNS}
    return Track(landmarks=np.load(folder / _LANDMARKS, mmap_mode="r"), **columns)
