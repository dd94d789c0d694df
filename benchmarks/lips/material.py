"""The benchmark's material: faces, and audio for them to speak."""

import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import numpy as np

from training.phones import Phone
from training.synthesis import speak

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent.parent / "shared"
SUFFIXES = {".mp4", ".mpg", ".mov", ".mkv"}

FREE_SPEAKERS = ("speech_844", "presenter_700_30fps")
READ_SPEAKERS = "grid_"
"""Prefix of clips whose audio is exactly in sync, like FREE_SPEAKERS: their mouths are the
reference for their words."""
IN_SYNC = ("address_512",)
"""Further clips with their own audio, for the audio model's adaptation."""
SILENT_FACES = ("drawn_704x1216", "still_smile_576x768")
"""Clips in which nobody speaks, by name, because their own range is none."""
WORDLESS_FACES = ("dark_720p", "phone_720x1280_no_audio", "whole_body_720x1080")
"""Clips whose mouths move, but without audio, or with silence or audio that does not fit, and which
their index does not list as talking: their range is not that of speech."""
FURTHER_STEP = 14
"""One of this many clips of GRID's speaker 4 is taken."""
QUICK_FACES = ("address_512", "grid_lwbsza", "portrait_1080x1920_hevc", "speech_844")
QUICK_SOUNDS = ("english_8s", "flite_slt", "grid_pwij3p", "speech_844")

SENTENCES = (
    "My mother keeps five big maps above the bed.",
    "Papa may have seen the puppy jump from the boat by the beach.",
    "Bring me a pump, a hammer, and some paper before breakfast.",
)
PAUSE_SECONDS = 0.8
"""Pause after each synthesized sentence."""
VOICES = ("slt", "rms")


@dataclass(frozen=True, slots=True)
class Face:
    """A video of a person."""

    name: str
    video: Path


@dataclass(frozen=True, slots=True)
class Sound:
    """Audio to speak."""

    name: str
    audio: Path
    phones: tuple[Phone, ...] = ()
    """Phones with pauses, if flite spoke them."""
    speaker: Path | None = None
    """Video of the person who spoke it, exactly in sync."""


def media_folder() -> Path | None:
    """Return the optional folder of test media beside the checkout, or None."""
    places = (ROOT.parent / "shared" / "media", SHARED / "media")
    return next((place for place in places if place.is_dir()), None)


def faces(media: Path | None) -> list[Face]:
    """Return the videos of the folder, or the demo's presenter."""
    if media is None:
        return [Face("presenter", ROOT / "demo" / "presenter.mp4")]
    videos = sorted(path for path in media.iterdir() if path.suffix in SUFFIXES)
    return [Face(path.stem, path) for path in videos]


def speakers(media: Path | None) -> list[Face]:
    """Return the faces whose own audio and mouth serve as the reference."""
    return [face for face in faces(media) if media and is_reference(face.name)]


def is_reference(name: str) -> bool:
    """Return whether a clip's audio and mouth belong together exactly."""
    return name in FREE_SPEAKERS or name.startswith(READ_SPEAKERS)


def sounds(media: Path | None, folder: Path) -> list[Sound]:
    """Return all audio; synthesized files are written to ``folder``."""
    if media is None:
        recorded = [Sound("speech", ROOT / "demo" / "speech.wav")]
    else:
        files = sorted((media / "speech").glob("*.wav"))
        recorded = [Sound(path.stem, path) for path in files]
    spoken_clips = [Sound(face.name, face.video, speaker=face.video) for face in speakers(media)]
    return [*recorded, *synthesized(folder), *spoken_clips, *further_speakers(media)]


def further_speakers(media: Path | None) -> list[Sound]:
    """Return the words of more GRID speakers, whose faces are not drawn."""
    if media is None:
        return []
    strangers = sorted((media / "grid_more").glob("*.mpg"))
    several = sorted((media / "grid_s4").glob("*.mkv"))[::FURTHER_STEP]
    return [
        Sound(f"{path.parent.name}_{path.stem}", path, speaker=path)
        for path in (*strangers, *several)
    ]


def synthesized(folder: Path) -> Iterator[Sound]:
    """Yield sentences with many lip sounds and pauses, in two voices; nothing without flite."""
    if which("flite") is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for voice in VOICES:
        pieces, phones, start = [], list[Phone](), 0.0
        for text in SENTENCES:
            spoken = speak(text, voice, 1.0)
            phones += [Phone(p.name, p.start + start, p.end + start) for p in spoken.phones]
            pause = np.zeros(round(PAUSE_SECONDS * 16_000), np.float32)
            pieces += [spoken.sound, pause]
            start += (len(spoken.sound) + len(pause)) / 16_000
        yield Sound(
            f"flite_{voice}", write_wav(folder / f"flite_{voice}.wav", pieces), tuple(phones)
        )


def write_wav(path: Path, pieces: Sequence[np.ndarray]) -> Path:
    """Write a mono wav file at 16 kHz from pieces of -1 to 1, and return its path."""
    samples = np.concatenate(pieces)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32_767).astype("<i2").tobytes())
    return path
