from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray

from heygem_daemon.engines.base import Template
from heygem_daemon.engines.builtin.audio.listening import Speech
from heygem_daemon.engines.builtin.targets import speaker_adaptation as module
from heygem_daemon.engines.builtin.targets.speaker_adaptation import (
    SpeakerAdaptation,
    adapt_from_speech,
    adapt_from_video,
    first_samples,
    hear_own_sound,
    load_speaker_adaptation,
)
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.timeline import PictureTimes
from tests.engines.builtin.speaker import mouth_of, speech_of

Floats = NDArray[np.float32]
SECONDS = 6
CODECS = {".mp4": "alac", ".mov": "pcm_s16le", ".mkv": "aac"}
"""Without priming where the muxer would show it as sound that begins earlier."""


class Listening:
    """Returns the same speech for all audio, and records the number of samples of each call."""

    def __init__(self, speech: Speech) -> None:
        self.speech = speech
        self.samples: list[int] = []

    def __call__(self, waveform: Iterable[Floats]) -> Speech:
        self.samples.append(sum(len(block) for block in waveform))
        return self.speech


@pytest.fixture
def template(tmp_path: Path) -> Template:
    """Return a video of 6 s with audio, and an empty cache."""
    return template_of(write_speaker(tmp_path / "speaker.mp4"), tmp_path)


def write_speaker(video: Path, late: float = 0.0) -> Path:
    """Write a video of 6 s whose sound begins ``late`` seconds after its pictures."""
    before = max(0.0, -late)
    with av.open(str(video), "w") as container:
        pictures: Any = container.add_stream("libx264", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound: Any = container.add_stream(CODECS[video.suffix], rate=16_000, layout="mono")
        for index in range(25 * SECONDS):
            picture = VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            picture.pts, picture.time_base = index + round(before * 25), Fraction(1, 25)
            container.mux(pictures.encode(picture))
        tone = np.sin(np.arange(16_000 * SECONDS) / 10).astype(np.float32)
        frame = AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = 16_000, Fraction(1, 16_000)
        frame.pts = round((before + late) * 16_000)
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
        container.mux(pictures.encode(None))
    return video


def template_of(video: Path, cache: Path) -> Template:
    count = 25 * SECONDS
    track = Track(
        np.zeros((count, 478, 3), np.float32), np.ones(count, np.bool_), np.ones(count, np.float32)
    )
    return Template(video, "key", cache, 64, 48, ColourTags(), track)


def test_a_speaker_is_recognized_and_learned_from() -> None:
    speech = speech_of(8.0, seed=1)
    adaptation = adapt_from_speech(speech, *mouth_of(speech.scores, late=0.12))
    assert adaptation.speaking.mean() > 0.9
    assert adaptation.sync.offset_seconds == pytest.approx(0.12, abs=0.021)
    assert adaptation.figures["own_sound_offset_ms"] in (100, 120, 140)
    assert adaptation.figures["adaptation"] in ("used", "own range only")


def test_the_audio_of_another_person_is_not_used() -> None:
    seconds, mouth = mouth_of(speech_of(8.0, seed=7).scores)
    adaptation = adapt_from_speech(speech_of(8.0, seed=1), seconds, mouth)
    assert not adaptation.speaking.any()
    assert not adaptation.correction.has_effect
    assert adaptation.figures["adaptation"] == "not used"
    assert adaptation.reason == module.AUDIO_MISMATCH


def test_pictures_without_a_face_do_not_count() -> None:
    speech = speech_of(8.0, seed=1)
    seconds, mouth = mouth_of(speech.scores)
    mouth[40:60] = np.nan
    adaptation = adapt_from_speech(speech, seconds, mouth)
    assert adaptation.sync.is_match
    assert not adaptation.speaking[40:60].any()
    assert not adapt_from_speech(speech, seconds, np.full_like(mouth, np.nan)).speaking.any()


def test_it_is_learned_once_and_read_again(template: Template) -> None:
    listening = Listening(speech_of(SECONDS, seed=1))
    _, mouth = mouth_of(listening.speech.scores)
    first = load_speaker_adaptation(template, mouth, listening, "weights one")
    assert first.speaking.any()
    again = load_speaker_adaptation(template, mouth, listening, "weights one")
    assert len(listening.samples) == 1
    assert same(first, again)
    load_speaker_adaptation(template, mouth, listening, "weights two")
    assert len(listening.samples) == 2
    assert [path.suffix for path in template.cache.glob("*builtin-speech*")] == [
        ".safetensors",
        ".safetensors",
    ]


def test_what_was_heard_while_it_was_tracked_is_not_heard_again(
    template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening = Listening(speech_of(SECONDS, seed=1))
    seconds, mouth = mouth_of(listening.speech.scores)
    alone = load_speaker_adaptation(template, mouth, listening, "weights")
    heard = hear_own_sound(template.video, listening, template.guard)
    assert listening.samples[0] == listening.samples[1]
    monkeypatch.setattr(module, "VideoReader", None)  # the times are known as well
    times = PictureTimes(seconds.astype(np.float64), Fraction(0), Fraction(SECONDS))
    known = replace(template, heard=heard, times=times)
    assert same(alone, load_speaker_adaptation(known, mouth, listening, "other weights"))
    assert len(listening.samples) == 2


def same(one: SpeakerAdaptation, other: SpeakerAdaptation) -> bool:
    return (
        one.reason == other.reason
        and one.figures == other.figures
        and np.array_equal(one.speaking, other.speaking)
        and np.array_equal(one.correction.weights, other.correction.weights)
    )


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("late", [-2.0, -0.52, 0.48, 0.52, 2.0])
def test_the_time_stamps_tell_when_the_sound_begins(
    tmp_path: Path, late: float, suffix: str
) -> None:
    """Learned is what the video without an offset teaches in the pictures that both have."""
    speech = speech_of(SECONDS, seed=1)
    seconds, mouth = mouth_of(speech.scores, late=-late)
    heard = (seconds >= late) & (seconds < SECONDS + late)
    expected = adapt_from_speech(speech, seconds[heard] - np.float32(late), mouth[heard])
    video = write_speaker(tmp_path / f"speaker{suffix}", late)
    adaptation = adapt_from_video(template_of(video, tmp_path), mouth, Listening(speech))
    assert adaptation.sync.is_match
    assert adaptation.sync.offset_seconds == 0
    assert adaptation.sync.correlation == pytest.approx(expected.sync.correlation, abs=0.01)
    np.testing.assert_array_equal(adaptation.speaking[heard], expected.speaking)
    assert not adaptation.speaking[~heard].any()
    np.testing.assert_allclose(
        adaptation.correction.weights, expected.correction.weights, atol=0.01
    )


def test_a_damaged_cache_is_learned_anew(template: Template) -> None:
    listening = Listening(speech_of(SECONDS, seed=1))
    _, mouth = mouth_of(listening.speech.scores)
    first = load_speaker_adaptation(template, mouth, listening, "weights")
    (cached,) = template.cache.glob("builtin-speech*")
    cached.write_bytes(cached.read_bytes()[:100])
    assert same(first, load_speaker_adaptation(template, mouth, listening, "weights"))
    assert len(listening.samples) == 2


def test_a_mouth_that_never_moves_is_not_listened_to(template: Template) -> None:
    listening = Listening(speech_of(SECONDS, seed=1))
    still = np.tile(np.array([0.05, 0.6, 0.8, 0.2], np.float32), (25 * SECONDS, 1))
    adaptation = load_speaker_adaptation(template, still, listening, "weights")
    assert adaptation.reason == module.MOUTH_STILL
    assert not listening.samples


def test_a_video_without_audio_is_reported(tmp_path: Path) -> None:
    video = Path(__file__).resolve().parents[4] / "demo" / "presenter.mp4"
    listening = Listening(speech_of(SECONDS, seed=1))
    _, mouth = mouth_of(listening.speech.scores)
    adaptation = load_speaker_adaptation(template_of(video, tmp_path), mouth, listening, "weights")
    assert adaptation.reason == module.NO_SOUND
    assert adaptation.figures["adaptation"] == "not used"


def test_only_the_beginning_of_long_audio_is_used() -> None:
    blocks = [np.zeros(700, np.float32)] * 10
    assert [len(block) for block in first_samples(iter(blocks), 1000)] == [700, 300]
    assert sum(len(block) for block in first_samples(iter(blocks), 10**6)) == 7000
