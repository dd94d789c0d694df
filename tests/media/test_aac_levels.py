"""AAC keeps the level of each channel, whatever the channels hold and however quiet they are."""

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.media.aac_blocks import ELEMENTS, elements, join_channels
from heygem_daemon.media.audio_measurement import AudioMeasurement, measure_audio
from heygem_daemon.media.audio_track import TrackOptions, encode_ahead
from heygem_daemon.media.channel_layout import AAC_LAYOUTS
from heygem_daemon.media.sound_warnings import CUT_DB, aac_losses
from heygem_daemon.media.spectrum import PowerSpectrum, level_kept
from tests.media.sound_files import Samples, read_channels, write_sound
from tests.media.test_published_sound import LEVEL_DB

RATE = 48_000
QUIET = 0.01
"""40 dB below."""
DEMO = Path(__file__).parents[2] / "demo" / "speech.wav"


def noise(seconds: float, top: float, seed: int, lowest: float = 0) -> Samples:
    """Return (n,) noise with these frequencies."""
    count = round(seconds * RATE)
    bins = np.fft.rfft(np.random.default_rng(seed).normal(size=count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    bins[(hertz > top) | (hertz < lowest)] = 0
    values = np.fft.irfft(bins, count)
    return np.asarray(0.25 * values / np.abs(values).max(), np.float32)


def speech(seconds: float, seed: int) -> Samples:
    """Return (n,) speech that begins elsewhere for each ``seed``."""
    samples, rate = read_channels(DEMO)
    at = np.arange(round(seconds * RATE)) * rate / RATE + seed * 0.7 * rate
    values = np.interp(at, np.arange(samples.shape[1]), samples.mean(axis=0), period=len(samples.T))
    return np.asarray(0.25 * values / np.abs(values).max(), np.float32)


def powers(samples: Samples) -> NDArray[np.float64]:
    """Return the level of each channel in dB, over its whole length."""
    squares = np.square(samples.astype(np.float64)).mean(axis=1)
    return np.asarray(10 * np.log10(squares + 1e-15))


def publish(folder: Path, samples: Samples, layout: str, rate: int = 0) -> Samples:
    """Return what is published of a float WAV, for as long as it is. ``rate``: bits a second."""
    sound = write_sound(folder / "a.wav", "pcm_f32le", samples, RATE, layout, format="wav")
    target = folder / "a.m4a"
    target.unlink(missing_ok=True)
    encode_ahead(sound, target, lambda: True, TrackOptions(bits_per_second=rate))
    made, _ = read_channels(target)
    return made[:, : samples.shape[1]]


def names(layout: str) -> list[str]:
    return [each.name for each in av.AudioLayout(layout).channels]


@pytest.mark.slow
@pytest.mark.parametrize("loud", [0, 1, None])
@pytest.mark.parametrize("kind", ["speech", "noise to 8 kHz", "noise to 15 kHz"])
@pytest.mark.parametrize("layout", ["stereo", "3.0", "quad", "5.0", "5.1", "7.1", "7.1(wide)"])
def test_each_channel_keeps_its_level_beside_a_loud_one(
    tmp_path: Path, layout: str, kind: str, loud: int | None
) -> None:
    rows = []
    for index, name in enumerate(names(layout)):
        if name == "LFE":
            row = noise(4, 120, index, 20)
        elif kind == "speech":
            row = speech(4, index)
        else:
            row = noise(4, float(kind.split()[2]) * 1000, index)
        rows.append(row if loud in {index, None} else row * np.float32(QUIET))
    samples = np.stack(rows)
    made = publish(tmp_path, samples, layout)
    np.testing.assert_allclose(powers(made), powers(samples), atol=LEVEL_DB)


@pytest.mark.slow
@pytest.mark.parametrize("peak", [0.9, 1.4])
def test_six_channels_keep_their_level_up_to_full_scale_and_beyond(
    tmp_path: Path, peak: float
) -> None:
    samples = np.stack([noise(3, 8000, 1), speech(3, 1), noise(3, 8000, 2), noise(3, 100, 3)])
    samples = np.concatenate([samples, samples[:2] * np.float32(QUIET)]) * np.float32(peak / 0.25)
    made = publish(tmp_path, samples, "5.1")
    np.testing.assert_allclose(powers(made), powers(samples), atol=LEVEL_DB)


@pytest.mark.slow
def test_noise_that_comes_late_keeps_its_level_in_a_long_sound(tmp_path: Path) -> None:
    """Of what follows the first seconds the trial takes a part."""
    samples = np.concatenate([speech(20, 1), noise(20, 12_000, 2)])[None]
    made = publish(tmp_path, samples, "mono")
    np.testing.assert_allclose(powers(made), powers(samples), atol=LEVEL_DB)


@pytest.mark.slow
def test_channels_that_are_silent_leave_their_bits_to_the_others(tmp_path: Path) -> None:
    sound = noise(3, 15_000, 1)
    samples = np.zeros((6, sound.size), np.float32)
    samples[2] = sound
    made = publish(tmp_path, samples, "5.1")
    assert not made[[0, 1, 3, 4, 5]].any()
    with av.open(str(tmp_path / "a.m4a")) as container:
        packets = container.demux(container.streams.audio[0])
        rate = sum(packet.size for packet in packets) * 8 / 3
    assert 200_000 < rate < 330_000


@pytest.mark.slow
def test_a_rate_for_all_channels_is_kept(tmp_path: Path) -> None:
    samples = np.stack([noise(4, 15_000, seed) for seed in range(6)])
    samples[3] = noise(4, 100, 3)
    publish(tmp_path, samples, "5.1", rate=256_000)
    with av.open(str(tmp_path / "a.m4a")) as container:
        packets = container.demux(container.streams.audio[0])
        assert sum(packet.size for packet in packets) * 2 == pytest.approx(256_000, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("layout", sorted(AAC_LAYOUTS))
def test_what_each_channel_holds_stays_in_it(tmp_path: Path, layout: str) -> None:
    low = {each.channels[0] for each in elements(layout) if each.is_low}
    count = len(names(layout))
    for seed in range(count):
        samples = np.zeros((count, RATE // 2), np.float32)
        samples[seed] = noise(0.5, 200 if seed in low else 6000, seed)
        made = publish(tmp_path, samples, layout)
        assert powers(made)[seed] == pytest.approx(powers(samples)[seed], abs=3 * LEVEL_DB)
        assert not np.delete(made, seed, axis=0).any()


def test_every_layout_that_is_published_has_its_elements() -> None:
    assert set(ELEMENTS) == AAC_LAYOUTS
    for layout in AAC_LAYOUTS:
        channels = [channel for each in elements(layout) for channel in each.channels]
        assert sorted(channels) == list(range(len(names(layout))))


@pytest.mark.parametrize("block", [b"", b"\x00", b"\xff\xff", b"\x21\x10\x04\x60\x8c\x1c"])
@pytest.mark.parametrize("layout", ["mono", "2.1"])
def test_a_block_of_another_kind_is_refused(block: bytes, layout: str) -> None:
    with pytest.raises(ValueError, match="AAC block"):
        join_channels([block] * len(names(layout)), layout, 0)


def cut_of(path: Path, samples: Samples, layout: str) -> AudioMeasurement:
    return measure_audio(write_sound(path, "pcm_f32le", samples, RATE, layout, format="wav"))


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.0, 0.05, 0.3, 3.0])
def test_what_an_lfe_channel_loses_is_said(tmp_path: Path, part: float) -> None:
    """``part``: the level in the LFE channel above 300 Hz, as a factor of that below 200."""
    samples = np.stack([noise(2, 8000, seed) for seed in range(6)])
    samples[3] = 0.3 * noise(2, 200, 7) + part * 0.3 * noise(2, 2000, 8, lowest=300)
    said = aac_losses(cut_of(tmp_path / "lfe.wav", samples, "5.1"))
    lost = float((powers(samples) - powers(publish(tmp_path, samples, "5.1")))[3])
    if lost < CUT_DB:
        assert said == ()
    else:
        (warning,) = said
        assert float(warning.split(" is ")[1].split()[0]) == pytest.approx(lost, abs=0.1, rel=0.05)


@pytest.mark.parametrize("layout", ["4.1", "6.1", "7.1(wide)", "hexagonal", "5.0"])
def test_nothing_is_said_where_the_format_keeps_all_of_it(tmp_path: Path, layout: str) -> None:
    samples = np.stack([noise(1, 8000, seed) for seed in range(len(names(layout)))])
    assert aac_losses(cut_of(tmp_path / "a.wav", samples, layout)) == ()


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000, 192_000])
def test_a_low_tone_is_low_at_every_rate(tmp_path: Path, rate: int) -> None:
    time = np.arange(rate) / rate
    samples = np.tile(0.2 * np.sin(2 * np.pi * 120 * time), (6, 1)).astype(np.float32)
    sound = write_sound(tmp_path / "a.wav", "pcm_f32le", samples, rate, "5.1", format="wav")
    assert measure_audio(sound).lfe_cut < 1e-3


def test_the_level_is_compared_where_something_is_left() -> None:
    rng = np.random.default_rng(1)
    whole, low = PowerSpectrum(), PowerSpectrum()
    samples = rng.normal(size=2048 * 50).astype(np.float32)
    bins = np.fft.rfft(samples)
    bins[bins.size // 2 :] = 0
    for piece in pairwise(range(0, samples.size + 1, 1024)):
        whole.add(samples[slice(*piece)])
        low.add(0.9 * np.fft.irfft(bins).astype(np.float32)[slice(*piece)])
    assert level_kept(whole, low) == pytest.approx(0.81, abs=0.01)
    assert level_kept(PowerSpectrum(), PowerSpectrum()) == 1
