"""A photograph speaks: dropped beside a sound, in a confined worker."""

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from heygem_daemon.engines.builtin.planner import NEVER_OPEN
from heygem_daemon.media.image_files import rgb_from_picture
from heygem_daemon.media.verify import verify_result
from heygem_daemon.media.video_reader import VideoReader
from tests.chain.conftest import DEMO, cut_sound
from tests.chain.test_confined import render
from tests.system.confined import needs_landlock

if TYPE_CHECKING:
    from tests.chain.conftest import Apertures, RenderPair

pytestmark = pytest.mark.slow

SECONDS = 2


def turned_photograph(target: Path) -> Path:
    """Write the demo's photograph as a telephone does: lying on its side, with EXIF to turn it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(DEMO / "astronaut.png") as image:
        stored = image.convert("RGB").transpose(Image.Transpose.ROTATE_90)
        stored.save(target, exif=exif, quality=95)
    return target


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut_sound(tmp_path_factory.mktemp("sound") / "audio.wav", SECONDS)


def test_a_turned_photograph_speaks(
    sound: Path, tmp_path: Path, render_pair: "RenderPair", apertures: "Apertures"
) -> None:
    result = render_pair(sound, turned_photograph(tmp_path / "face.jpg"))
    report = json.loads(result.report.read_text())
    assert report["inputs"]["video"]["image"]["format"] == "JPEG"
    assert report["coverage"] > 0.95
    verify_result(result.result, 25 * SECONDS, Fraction(25), Fraction(SECONDS))
    with Image.open(DEMO / "astronaut.png") as image:
        original = np.asarray(image.convert("RGB")).astype(int)
    with VideoReader(result.result) as reader:
        assert (reader.info.width, reader.info.height) == original.shape[1::-1]
        assert reader.info.fps == 25
        first = rgb_from_picture(next(reader.read_range())).astype(int)
    # Upright, and nothing but the mouth has changed: the mean is within the loss of two encodings.
    assert np.abs(first - original)[:100].mean() < 4
    opened = apertures(result.result)
    assert opened.max() - opened.min() > 0.02


def test_an_animation_speaks(sound: Path, tmp_path: Path, render_pair: "RenderPair") -> None:
    with VideoReader(DEMO / "presenter.mp4") as reader:
        pictures = [Image.fromarray(rgb_from_picture(each)) for each in reader.read_range(0, 10)]
    animation = tmp_path / "face.webp"
    pictures[0].save(animation, save_all=True, append_images=pictures[1:], duration=80, quality=90)
    result = render_pair(sound, animation)
    report = json.loads(result.report.read_text())
    assert report["inputs"]["video"]["image"]["pictures"] == 10
    assert report["inputs"]["video"]["frames"] == 20
    assert report["coverage"] > 0.9


@pytest.mark.parametrize("count", [1, 10])
def test_borrowed_teeth_are_a_warning_only_for_a_video(
    sound: Path, tmp_path: Path, render_pair: "RenderPair", count: int
) -> None:
    """A photograph with closed lips is a good input, which has nothing to lend."""
    with VideoReader(DEMO / "presenter.mp4") as reader:
        pictures = [Image.fromarray(rgb_from_picture(each)) for each in reader.read_range(0, count)]
    image = tmp_path / "face.webp"
    pictures[0].save(image, save_all=True, append_images=pictures[1:], duration=80, quality=90)
    report = json.loads(render_pair(sound, image).report.read_text())
    assert report["figures"]["borrowed_teeth"]
    assert (NEVER_OPEN in report["warnings"]) == (count > 1)


@needs_landlock
def test_a_confined_worker_reads_photographs(sound: Path, tmp_path: Path) -> None:
    photograph = turned_photograph(tmp_path / "video.jpg")
    notes, results = render(tmp_path / "confined", (sound, photograph), confine=True)
    assert notes[0].startswith("confined: no access to other files")
    assert len(results) == 2
