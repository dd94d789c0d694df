"""Sound and picture of a whole job stay together, by cross-correlation of the published file.

``python -m benchmarks.sync`` measures the same after ten minutes, with the shipped engine.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.sync import LIMIT, RATES, lags_of, random_levels, with_corners, write_sound
from heygem_daemon.media.mux import mux_segments
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.video_codecs import EncoderSettings
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.render.pipeline import render_job
from tests.render.conftest import HEIGHT, WIDTH, Bench

if TYPE_CHECKING:
    from tests.render.conftest import FakeEngine

pytestmark = pytest.mark.slow

SECONDS = 12


def write_flicker(folder: Path, rate: str) -> Bench:
    fps = RATES[rate]
    levels = random_levels(round(SECONDS * fps))
    grey = np.full((HEIGHT, WIDTH), 128, np.uint8)
    chroma = np.ascontiguousarray(grey[::2, ::2])
    pictures = (Picture(n, grey, chroma, chroma, ColourTags()) for n in range(len(levels)))
    video = folder / "video.mp4"
    settings = EncoderSettings(crf=20)
    with SegmentWriter(video, WIDTH, HEIGHT, fps, ColourTags(), encoder=settings) as writer:
        for picture in with_corners(pictures, levels):
            writer.write(picture)
    return Bench(folder, write_sound(folder / "audio.wav", levels, fps), video)


@pytest.mark.parametrize("rate", RATES)
def test_sound_and_picture_stay_together(engine: "FakeEngine", tmp_path: Path, rate: str) -> None:
    bench = write_flicker(tmp_path, rate)
    request = bench.request(chunk_seconds=5.0)
    rendered = render_job(engine, request, bench.cache, bench.progress.append, lambda: False)
    lags = lags_of(Path(rendered.result))
    assert max(map(abs, lags)) <= LIMIT, lags


def test_a_shift_is_seen(tmp_path: Path) -> None:
    """The measure itself: a sound that is 40 ms late."""
    bench = write_flicker(tmp_path, "29.97")
    fps = RATES["29.97"]
    levels = random_levels(round(SECONDS * fps))
    late = write_sound(tmp_path / "late.wav", np.roll(levels, 2), fps)
    frames = len(levels)
    result = tmp_path / "late.mp4"
    mux_segments([bench.video], late, result, fps, frames, frames / fps)
    assert all(abs(lag - 2 / float(fps)) < LIMIT for lag in lags_of(result))
