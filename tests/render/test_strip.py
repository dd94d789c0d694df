from typing import TYPE_CHECKING

import numpy as np

from heygem_daemon.engines.base import Template
from heygem_daemon.face.track import Track
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.render.strip import MOMENTS, choose_moments
from tests.render.conftest import FPS, Painting

if TYPE_CHECKING:
    from pathlib import Path


def performance(present: list[bool], folder: "Path") -> Painting:
    count = len(present)
    flags = np.array(present, np.bool_)
    track = Track(np.zeros((count, 478, 3), np.float32), flags, np.ones(count, np.float32))
    template = Template(folder / "video.mp4", "key", folder, 96, 64, ColourTags(), track)
    return Painting(template, Timeline(FPS, np.arange(count, dtype=np.int32)))


def test_moments_are_spread_evenly(tmp_path: "Path") -> None:
    moments = choose_moments(performance([True] * 91, tmp_path), 91)
    assert moments == [10, 20, 30, 40, 50, 60, 70, 80]


def test_moments_show_frames_that_are_drawn(tmp_path: "Path") -> None:
    present = [False] * 50 + [True] * 30 + [False] * 20
    moments = choose_moments(performance(present, tmp_path), 100)
    assert len(moments) == MOMENTS
    assert all(present[moment] for moment in moments)
    assert moments == sorted(moments)


def test_a_single_frame_is_shown_eight_times(tmp_path: "Path") -> None:
    assert choose_moments(performance([True], tmp_path), 1) == [0] * MOMENTS


def test_frames_that_are_never_drawn_are_shown_all_the_same(tmp_path: "Path") -> None:
    assert len(choose_moments(performance([False] * 20, tmp_path), 20)) == MOMENTS
