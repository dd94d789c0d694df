"""Draw frames of a result at full resolution, each below its source frame.

``.venv/bin/python -m benchmarks.sheet SOURCE.mp4 RESULT.mp4 TARGET.png --first 40`` shows 25
consecutive frames around the mouth, in rows of five. With ``--worst``, each row has one of the five
frames in its middle whose mouths are least like any real mouth of the person, the worst first
(``lips/nearness.py``). The result must have been rendered with the default ``loop``.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.lips.nearness import APART, Mouths, nearest
from heygem_daemon.engines.builtin.warp.person import measure_person
from heygem_daemon.face.reading.landmarks import (
    LEFT_EYE_OUTER,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
    RIGHT_EYE_OUTER,
)
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.image_files import rgb_from_picture, write_png
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.timeline import build_timeline
from heygem_daemon.media.video_reader import VideoReader

Rgb = NDArray[np.uint8]

COUNT, COLUMNS = 25, 5
MOMENTS = 5
"""Worst moments that are shown."""
SIDE = 1.4
"""Side of a tile, as a multiple of the distance of the outer eye corners."""
WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "builtin"
_LIPS = list(OUTER_UPPER_LIP + OUTER_LOWER_LIP)


def tiles(pictures: list[Picture], landmarks: NDArray[np.float32]) -> list[Rgb]:
    """Cut a square of the same size around the mouth of each picture, without scaling.

    ``landmarks``: (N, 478, 3) of the N pictures.
    """
    eyes = landmarks[:, LEFT_EYE_OUTER] - landmarks[:, RIGHT_EYE_OUTER]
    side = int(SIDE * np.median(np.linalg.norm(eyes[:, :2], axis=1))) // 2 * 2
    centres = landmarks[:, _LIPS, :2].mean(axis=1)
    return [square(rgb_from_picture(p), c, side) for p, c in zip(pictures, centres, strict=True)]


def square(rgb: Rgb, centre: NDArray[np.float32], side: int) -> Rgb:
    """Cut the square of ``side`` pixels around ``centre``, moved into the picture."""
    left, top = (
        int(np.clip(place - side / 2, 0, max(0, length - side)))
        for place, length in zip(centre, (rgb.shape[1], rgb.shape[0]), strict=True)
    )
    return rgb[top : top + side, left : left + side]


def sheet(above: list[Rgb], below: list[Rgb]) -> Rgb:
    """Arrange the tiles in rows, each tile of ``above`` over its tile of ``below``."""
    pairs = [np.concatenate(pair, axis=0) for pair in zip(above, below, strict=True)]
    rows = [
        np.concatenate(pairs[start : start + COLUMNS], axis=1)
        for start in range(0, len(pairs), COLUMNS)
    ]
    return np.concatenate(rows, axis=0)


def worst_moments(distances: NDArray[np.float64], count: int = MOMENTS) -> list[int]:
    """Return the places of the ``count`` largest distances (K,), the largest first.

    Places nearer than ``APART`` to a larger one are left out, as they show the same moment. NaN
    counts for nothing.
    """
    found: list[int] = []
    for place in np.argsort(-distances, kind="stable").tolist():
        alone = all(abs(place - other) >= APART for other in found)
        if alone and np.isfinite(distances[place]) and len(found) < count:
            found.append(place)
    return found


def frames_around(moment: int, total: int, columns: int = COLUMNS) -> list[int]:
    """Return ``columns`` consecutive frames of ``total``, with ``moment`` in their middle."""
    first = max(0, min(moment - columns // 2, total - columns))
    return list(range(first, min(first + columns, total)))


def find_worst(
    source: VideoReader, result: VideoReader, sources: NDArray[np.int32], track: Track
) -> list[int]:
    """Return the frames of ``result`` whose mouths are least like the real ones of ``source``.

    ``sources``: (N,), the source picture of each frame; ``track``: of the source.
    """
    person = measure_person(track, load_reference_face(WEIGHTS))
    real, shown = Mouths(person, np.arange(len(track), dtype=np.int32)), Mouths(person, sources)
    for mouths, reader in ((real, source), (shown, result)):
        for _ in mouths.observe(reader.read_range()):
            pass
    distances = np.full(len(sources), np.nan)
    distances[shown.places] = nearest(shown, real)
    return worst_moments(distances)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("target", type=Path)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--first", type=int, default=0, help="number of the first frame")
    which.add_argument("--worst", action="store_true", help="show the five worst moments")
    options = parser.parse_args()
    tracker = FaceTracker.load(WEIGHTS)
    with VideoReader(options.source) as source, VideoReader(options.result) as result:
        track, total = tracker.track(source.read_range()), result.frame_count
        timeline = build_timeline(source.timestamps, source.info.fps, total, "pingpong")
        frames = list(range(options.first, min(options.first + COUNT, total)))
        if options.worst:
            moments = find_worst(source, result, timeline.source_indices, track)
            frames = [frame for moment in moments for frame in frames_around(moment, total)]
            print("worst frames:", *moments)
        sources = timeline.source_indices[frames]
        landmarks = np.asarray(track.landmarks)[sources]
        above, below = (
            tiles(list(reader.read_indices(numbers)), landmarks)
            for reader, numbers in ((source, sources.tolist()), (result, frames))
        )
    write_png(options.target, sheet(above, below))


if __name__ == "__main__":
    main()
