"""Waveforms are mono at 16 kHz, with the exact length, for every input."""

import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.errors import BadInput
from heygem_daemon.media.waveform import measure_duration, read_waveform

MakeFile = Callable[..., Path]


def joined(path: Path) -> NDArray[np.float32]:
    return np.concatenate(list(read_waveform(path)))


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.wav", "pcm_s16le", 16_000, "mono"),
        ("a.wav", "pcm_s16le", 11_025, "stereo"),
        ("a.wav", "pcm_f32le", 96_000, "5.1"),
        ("a.wav", "pcm_s16le", 8_000, "mono"),
        ("a.mp3", "libmp3lame", 44_100, "stereo"),
        ("a.m4a", "aac", 48_000, "5.1"),
        ("a.opus", "libopus", 48_000, "stereo"),
        ("a.flac", "flac", 44_100, "quad"),
    ],
)
def test_the_length_is_that_of_the_sound(
    make_sound: MakeFile, name: str, codec: str, rate: int, layout: str
) -> None:
    path = make_sound(name, codec, 1.37, rate, layout)
    sound = joined(path)
    assert sound.dtype == np.float32
    assert len(sound) == round(measure_duration(path) * 16_000)
    assert 0.1 < np.abs(sound).max() <= 1


def test_blocks_have_the_given_size(make_sound: MakeFile) -> None:
    path = make_sound("a.wav", seconds=1.0)
    sizes = [len(block) for block in read_waveform(path, block=4800)]
    assert sizes == [4800, 4800, 4800, 1600]
    np.testing.assert_array_equal(np.concatenate(list(read_waveform(path, 7))), joined(path))


def test_sound_at_16_khz_is_not_changed(make_sound: MakeFile) -> None:
    samples = np.linspace(-0.9, 0.9, 16_000, dtype=np.float32)[None]
    path = make_sound("a.wav", "pcm_f32le", samples=samples)
    np.testing.assert_array_equal(joined(path), samples[0])


def test_channels_are_mixed_to_their_mean(make_sound: MakeFile) -> None:
    samples = np.stack([np.full(8000, 0.4), np.full(8000, -0.2)]).astype(np.float32)
    path = make_sound("a.wav", "pcm_f32le", layout="stereo", samples=samples)
    np.testing.assert_allclose(joined(path), 0.1, atol=1e-6)


@pytest.mark.parametrize("channels", [3, 5, 9])
def test_channels_of_no_known_order_are_averaged(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.wav"
    levels = (np.arange(channels) * 3000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.tile(levels, 4000).tobytes())
    sound = joined(path)
    assert len(sound) == 4000
    np.testing.assert_allclose(sound, levels.mean() / 32_768, atol=1e-4)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_a_tone_keeps_pitch_and_place(make_sound: MakeFile, rate: int) -> None:
    time = np.arange(rate) / rate
    tone = (0.5 * np.sin(2 * np.pi * 440 * time) * (time > 0.5)).astype(np.float32)
    sound = joined(make_sound("a.wav", rate=rate, samples=tone[None]))
    assert np.abs(sound[:7900]).max() < 0.02
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8200, 15_800) / 16_000)
    np.testing.assert_allclose(sound[8200:15_800], wanted, atol=0.01)


def test_rule_20_lost_packets_are_silence_and_nothing_moves(
    make_sound: MakeFile, spoil: Callable[..., Path], tmp_path: Path
) -> None:
    good = make_sound("a.mka", "ac3", 3.2, 48_000)
    bad = spoil(good, tmp_path / "b.mka", {30})
    before, after = joined(good), joined(bad)
    assert abs(len(before) - len(after)) <= 16
    np.testing.assert_allclose(before[:14_000], after[:14_000], atol=1e-3)
    assert np.corrcoef(before[20_000:48_000], after[20_000:48_000])[0, 1] > 0.95


def test_rule_20_too_much_lost_sound_is_refused(
    make_sound: MakeFile, spoil: Callable[..., Path], tmp_path: Path
) -> None:
    good = make_sound("a.mka", "ac3", 3.2, 48_000)
    bad = spoil(good, tmp_path / "b.mka", set(range(20, 40)))
    with pytest.raises(BadInput, match=r"0\.6 of 3\.2 seconds"):
        measure_duration(bad)


def test_the_sound_of_clips_beside_the_checkout_is_whole(shared_media: Path) -> None:
    for path in sorted(shared_media.glob("speech/*.wav")):
        assert measure_duration(path) > 4
        assert len(joined(path)) == round(measure_duration(path) * 16_000)


def test_a_short_sound_is_a_sound(make_sound: MakeFile) -> None:
    path = make_sound("a.wav", samples=np.full((1, 5), 0.5, np.float32))
    assert measure_duration(path) == Fraction(5, 16_000)
    assert len(joined(path)) == 5
