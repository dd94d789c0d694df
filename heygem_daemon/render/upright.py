"""Turn a video in which no face is found as players show it, if one is found in turned pictures.

A phone that lay flat when the recording began, a camera that hung from the ceiling, and programs
that apply a rotation and leave it in the file make videos that are shown sideways or upside down.
"""

from collections.abc import Iterator

import numpy as np

from heygem_daemon.face.tracking.track import Track
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.orientation import AS_SHOWN, TURNS, Orientation
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.shown_pixels import in_shown_pixels
from heygem_daemon.media.video_reader import VideoReader

LEAST_SEEN = 0.1
"""A face that is seen in this share of the pictures as they are shown is the one that is meant."""
LEAST_SEEN_TURNED = 0.5
"""Share of the tried pictures in which turning must show a face."""
TRIED_PICTURES = 12
"""Pictures that are turned and searched, spread over the tracked part of the video."""


def turn_to_face(reader: VideoReader, track: Track, tracker: FaceTracker) -> bool:
    """Turn ``reader`` so that the face is upright, where ``track``, that of its pictures as they
    are shown, has none; return whether it was turned.

    A face that is found as the video is shown, also that of a person who lies, stays as it is.
    """
    if track.coverage >= LEAST_SEEN:
        return False
    numbers = np.linspace(0, len(track) - 1, min(len(track), TRIED_PICTURES)).round().astype(int)
    pictures = sorted(set(numbers.tolist()))
    seen = {turn: _share_with_face(reader, turn, pictures, tracker) for turn in TURNS}
    best = max(TURNS, key=lambda turn: seen[turn])
    if seen[best] < LEAST_SEEN_TURNED:
        reader.turn(AS_SHOWN)
        return False
    reader.turn(best)
    return True


def _share_with_face(
    reader: VideoReader, turn: Orientation, pictures: list[int], tracker: FaceTracker
) -> float:
    reader.turn(turn)
    return tracker.track(_read(reader, pictures)).coverage


def _read(reader: VideoReader, pictures: list[int]) -> Iterator[Picture]:
    stored = reader.read_indices(pictures)
    for picture in in_shown_pixels(stored, reader.info.sample_aspect):
        reader.guard.step()
        yield picture
