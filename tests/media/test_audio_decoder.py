"""Sounds are measured: what was decoded, what was lost, and whether the length is right."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from heygem_daemon.errors import BadInput
from heygem_daemon.media.audio_measurement import AudioMeasurement, has_duration, measure_audio
from heygem_daemon.media.audio_track import is_copyable

MakeFile = Callable[..., Path]


def sound(seconds: Fraction, lost: Fraction = Fraction(0), codec: str = "aac") -> AudioMeasurement:
    return AudioMeasurement(codec, 48_000, 2, seconds, lost, Fraction(0))


def test_a_result_may_be_padded_by_a_block_but_never_cut() -> None:
    two = Fraction(2)
    assert has_duration(sound(two), two)
    assert has_duration(sound(two + Fraction(1024, 48_000)), two)
    assert not has_duration(sound(two + Fraction(1, 10)), two)
    assert not has_duration(sound(two - Fraction(1, 100)), two)


def test_only_whole_sounds_of_known_codecs_are_copied() -> None:
    assert is_copyable(sound(Fraction(2)))
    assert not is_copyable(sound(Fraction(2), lost=Fraction(1, 50)))
    assert not is_copyable(sound(Fraction(2), codec="vorbis"))


def test_lost_sound_is_counted_and_keeps_its_place(
    make_sound: MakeFile, spoil: Callable[..., Path], tmp_path: Path
) -> None:
    good = make_sound("a.mka", "ac3", 3.2, 48_000)
    bad = measure_audio(spoil(good, tmp_path / "b.mka", {30}))
    assert abs(bad.lost_seconds - Fraction(1536, 48_000)) < Fraction(2, 1000)
    assert abs(bad.duration - measure_audio(good).duration) < Fraction(2, 1000)


def test_half_a_sound_is_refused_with_figures(make_sound: MakeFile) -> None:
    path = make_sound("a.flac", "flac", 4.0)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(BadInput, match=r"of 4\.0 seconds"):
        measure_audio(path)


def test_the_sound_of_a_video_is_a_sound(shared_media: Path) -> None:
    assert measure_audio(shared_media / "address_512.mp4").duration == 8
    assert measure_audio(shared_media / "hard" / "nasa_13013.mp4").codec == "aac"
