"""What the benchmark works with: faces, and sounds that they shall speak."""

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
"""Clips whose own sound is exactly in sync: their mouths are the truth for their words."""
IN_SYNC = ("address_512",)
"""More clips with their own sound, for the audio model's adaptation."""
SILENT_FACES = ("drawn_704x1216", "still_smile_576x768")
"""Clips in which nobody speaks: by name alone, for their own range is none."""
WORDLESS_FACES = ("dark_720p", "phone_720x1280_no_audio", "whole_body_720x1080")
"""Clips whose mouths move, but with no sound, with silence or with one that does not fit them, and
of which their index does not say that they talk: how far they move is not how far in speech."""
QUICK_FACES = ("address_512", "grid_lwbsza", "portrait_1080x1920_hevc", "speech_844")
QUICK_SOUNDS = ("english_8s", "flite_slt", "grid_pwij3p", "speech_844")

SENTENCES = (
    "My mother keeps five big maps above the bed.",
    "Papa may have seen the puppy jump from the boat by the beach.",
    "Bring me a pump, a hammer, and some paper before breakfast.",
)
PAUSE_SECONDS = 0.8
VOICES = ("slt", "rms")


@dataclass(frozen=True, slots=True)
class Face:
    """A video of a person."""

    name: str
    video: Path


@dataclass(frozen=True, slots=True)
class Sound:
    """Something to say. ``phones``: where flite said it, with its pauses; ``speaker``: the video
    of the person who said it, exactly in sync."""

    name: str
    audio: Path
    phones: tuple[Phone, ...] = ()
    speaker: Path | None = None


def media_folder() -> Path | None:
    """The optional folder of test media beside the checkout; None where there is none."""
    places = (ROOT.parent / "shared" / "media", SHARED / "media")
    return next((place for place in places if place.is_dir()), None)


def faces(media: Path | None) -> list[Face]:
    """Videos of the folder, or the demo's presenter."""
    if media is None:
        return [Face("presenter", ROOT / "demo" / "presenter.mp4")]
    videos = sorted(path for path in media.iterdir() if path.suffix in SUFFIXES)
    return [Face(path.stem, path) for path in videos]


def speakers(media: Path | None) -> list[Face]:
    """Those faces whose own sound and mouth are the truth."""
    return [face for face in faces(media) if media and is_truth(face.name)]


def is_truth(name: str) -> bool:
    """Whether a clip's sound and mouth belong together exactly."""
    return name in FREE_SPEAKERS or name.startswith(READ_SPEAKERS)


def sounds(media: Path | None, folder: Path) -> list[Sound]:
    """All that shall be said; what is made of text is put into ``folder``."""
    if media is None:
        recorded = [Sound("speech", ROOT / "demo" / "speech.wav")]
    else:
        files = sorted((media / "speech").glob("*.wav"))
        recorded = [Sound(path.stem, path) for path in files]
    said = [Sound(face.name, face.video, speaker=face.video) for face in speakers(media)]
    return [*recorded, *synthesized(folder), *said]


def synthesized(folder: Path) -> Iterator[Sound]:
    """Sentences rich in lips with pauses between them, in two voices; nothing without flite."""
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
        yield Sound(f"flite_{voice}", written(folder / f"flite_{voice}.wav", pieces), tuple(phones))


def written(path: Path, pieces: Sequence[np.ndarray]) -> Path:
    """A mono wav file at 16 kHz of pieces of -1 … 1."""
    samples = np.concatenate(pieces)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32_767).astype("<i2").tobytes())
    return path
