"""The tracker on real clips of many kinds; they lie beside the checkout on some machines only."""

from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.video_reader import VideoReader

MEDIA = Path(__file__).resolve().parents[2] / ".." / "shared" / "media"

# Clip, and the range of the distance between the outer eye corners in pixels.
FACES = [
    ("address_512.mp4", 140, 170),
    ("portrait_1080x1920_hevc.mp4", 105, 135),
    ("speech_844.mp4", 175, 195),
    ("dark_720p.mp4", 115, 145),
    ("phone_720x1280_no_audio.mp4", 235, 260),
    ("whole_body_720x1080.mp4", 40, 60),
    ("grid_pwij3p.mpg", 60, 75),
]
FACELESS = ["hard/h264_10bits.mp4", "hard/bt709_full_range.mp4", "hard/nasa_13013.mp4"]


def pictures(name: str, count: int) -> list[Picture]:
    path = MEDIA / name
    if not path.exists():
        pytest.skip(f"{name} is not on this machine (a folder 'shared' beside the checkout)")
    return list(VideoReader(path).read_range(stop=count))


@pytest.mark.parametrize(("name", "least", "most"), FACES)
def test_the_person_is_followed_all_the_time(
    tracker: FaceTracker, name: str, least: int, most: int
) -> None:
    track = tracker.track(pictures(name, 24))
    assert track.coverage == 1.0
    eyes = track.landmarks[:, 263, :2] - track.landmarks[:, 33, :2]
    distance = np.linalg.norm(eyes, axis=1)
    assert least < distance.min() <= distance.max() < most


@pytest.mark.parametrize("name", FACELESS)
def test_no_face_is_found_where_there_is_none(tracker: FaceTracker, name: str) -> None:
    assert tracker.track(pictures(name, 6)).coverage == 0.0


def test_two_scenes_are_two_tracklets(tracker: FaceTracker) -> None:
    first = pictures("address_512.mp4", 6)
    size = np.s_[: first[0].height, : first[0].width]
    half = np.s_[: first[0].height // 2, : first[0].width // 2]
    second = [
        Picture(p.index, p.y[size].copy(), p.u[half].copy(), p.v[half].copy(), p.colour)
        for p in pictures("still_smile_576x768.mp4", 6)
    ]
    samples = list(tracker.follow([*first, *second]))
    assert [sample.tracklet for sample in samples] == [1] * 6 + [2] * 6
