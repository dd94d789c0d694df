"""The benchmark of whole jobs by size: its clips, its table and its plot."""

import itertools
import wave
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks import sizes
from benchmarks.chart import ratio_chart
from benchmarks.clips import looped_clip, looped_sound, output_size
from benchmarks.sizes import ClipCosts, Cost, markdown_table
from heygem_daemon.media.video_reader import VideoReader

DEMO = Path(__file__).resolve().parents[2] / "demo"
COSTS = ClipCosts(
    "480p", 10, Cost(2.0, 3.0), Cost(5.0, 7.0), Cost(2.5, 4.0), 1.6, 300 << 20, 310 << 20
)


def test_a_clip_has_its_lines_its_length_and_no_cut(tmp_path: Path) -> None:
    sound = looped_sound(DEMO / "speech.wav", tmp_path / "sound.wav", 20)
    clip = looped_clip(DEMO / "presenter.mp4", sound, tmp_path / "clip.mp4", 120, 20)
    with VideoReader(clip) as reader:
        assert (reader.info.width, reader.info.height) == (214, 120)
        assert reader.frame_count == 20 * reader.info.fps
        luma = [picture.y.astype(np.int16) for picture in reader.read_range()]
    changes = [np.abs(after - before).mean() for before, after in itertools.pairwise(luma)]
    assert max(changes) < 5
    assert reader.info.fps == Fraction(25)


def test_a_sound_that_begins_elsewhere_is_another_one_of_the_same_length(tmp_path: Path) -> None:
    one = looped_sound(DEMO / "speech.wav", tmp_path / "one.wav", 20)
    other = looped_sound(DEMO / "speech.wav", tmp_path / "other.wav", 20, skip=3.0)
    with wave.open(str(one)) as a, wave.open(str(other)) as b:
        assert a.getnframes() == b.getnframes() == 20 * a.getframerate()
        a.setpos(3 * a.getframerate())
        assert a.readframes(1000) == b.readframes(1000)


def test_an_upright_clip_stays_upright() -> None:
    assert output_size(400, 300, 1080) == (1920, 1080)
    assert output_size(1080, 1920, 480) == (480, 854)


def test_a_clip_can_have_another_rate(tmp_path: Path) -> None:
    sound = looped_sound(DEMO / "speech.wav", tmp_path / "sound.wav", 10)
    clip = tmp_path / "clip.mp4"
    looped_clip(DEMO / "presenter.mp4", sound, clip, 120, 10, Fraction(30))
    with VideoReader(clip) as reader:
        assert (reader.info.fps, reader.frame_count) == (Fraction(30), 300)


def test_a_recording_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "PORTRAIT", tmp_path / "portrait.mp4")
    with pytest.raises(SystemExit, match=r"skipped: .*portrait\.mp4 is not there"):
        sizes.measure_portrait(lambda *_: (1.0, 1))


def test_the_table_shows_each_job_over_the_plain_transcode() -> None:
    cells = [cell.strip() for cell in markdown_table([COSTS]).splitlines()[-1].split("|")[1:-1]]
    assert cells == [
        "480p, 10 s", "2.0 (3.0)", "2.5 (4.0)", "1.25", "5.0 (7.0)", "2.50", "1.6", "310",
    ]  # fmt: skip


def test_the_plot_is_an_svg_with_two_bars_for_each_clip() -> None:
    drawn = ElementTree.fromstring(ratio_chart([COSTS, COSTS]))
    names = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert names.count("1.25") == 2 + 1  # two bars, and the line that they must not cross
    assert names.count("2.50") == 2
