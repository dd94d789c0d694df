"""What adaptation to a person gains: learned on the first half of a clip, measured on the second.

``.venv/bin/python -m benchmarks.lips.adapting`` prints it for every clip of the test media with
audio in sync, and how the same pictures are judged with the audio of the other clips.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.lips.hearing import clip_of, speaks_in_sync
from benchmarks.lips.material import ROOT, faces, media_folder
from benchmarks.lips.studio import Studio
from heygem_daemon.engines.builtin.audio.listening import AudioModel, Speech
from heygem_daemon.engines.builtin.targets.speaker_adaptation import (
    SpeakerAdaptation,
    adapt_from_speech,
    apply_correction,
    correlations,
)
from heygem_daemon.engines.builtin.targets.temporal_filters import interpolate_at
from heygem_daemon.speech.features import STATE_RATE
from training.corpus import Clip

Floats = NDArray[np.float32]

LEAST_SECONDS = 4.0
"""Shorter clips show too little to be combined with other audio."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """What adaptation gains for one clip."""

    name: str
    before: Floats
    """(3,), correlation of predicted and tracked aperture, width and jaw in the second half,
    without adaptation."""
    after: Floats
    """(3,), the same with what is learned from the first half."""
    offset: int
    """How late the audio is, ms."""
    use: str
    """As in a job's report."""
    reason: str
    """As in a job's report."""

    @property
    def gain(self) -> float:
        """Gain in correlation of the aperture."""
        return float(self.after[0] - self.before[0])


def adapted_by_halves(clip: Clip, listener: AudioModel) -> Adapted:
    """Learn from the first half of a clip, and measure on the second."""
    speech, mouth = listener.listen([clip.sound]), mouth_of(clip)
    first = np.arange(len(mouth)) < len(mouth) // 2
    adaptation = adapt_from_speech(
        until(speech, float(clip.seconds[first].max())), clip.seconds[first], mouth[first]
    )
    measured = ~first & clip.present
    times, truth = clip.seconds[measured], mouth[measured]
    late = adaptation.sync.offset_seconds if adaptation.speaking.any() else 0.0
    after = interpolate_at(apply_correction(speech, adaptation.correction).scores, times + late)
    return Adapted(
        clip.name,
        correlations(interpolate_at(speech.scores, times), truth)[:3],
        correlations(after, truth)[:3],
        round(1000 * late),
        str(adaptation.figures["adaptation"]),
        adaptation.reason,
    )


def until(speech: Speech, seconds: float) -> Speech:
    """Return the speech up to a time, as if the recording ended there."""
    end = round(seconds * STATE_RATE)
    return replace(
        speech,
        scores=speech.scores[:end],
        activity=speech.activity[:end],
        closed=speech.closed[:end],
        hidden=speech.hidden[:end],
    )


def mismatched(
    clips: Sequence[Clip], listener: AudioModel
) -> Iterable[tuple[Clip, Clip, SpeakerAdaptation]]:
    """Yield the pictures of each clip with the audio of each other clip, and the result."""
    speeches = [listener.listen([clip.sound]) for clip in clips]
    for clip in clips:
        for other, speech in zip(clips, speeches, strict=True):
            if other is not clip:
                yield clip, other, adapt_from_speech(speech, clip.seconds, mouth_of(clip))


def mouth_of(clip: Clip) -> Floats:
    """Return the mouth parameters (T, 4), NaN where there is no face."""
    return np.where(clip.present[:, None], clip.mouth, np.nan).astype(np.float32)


def mean_gain(rows: Sequence[Adapted]) -> float | None:
    """Return the mean over the clips with equal weight."""
    return float(np.mean([row.gain for row in rows])) if rows else None


def adapting_table(rows: Sequence[Adapted]) -> str:
    """Return a table with a row per clip: without and with adaptation, second half."""
    lines = [
        "| clip | aperture | width | jaw | offset | adaptation |",
        "|---|---|---|---|---:|---|",
    ]
    for row in rows:
        pairs = zip(row.before.tolist(), row.after.tolist(), strict=True)
        figures = " | ".join(f"{one:.2f} → {other:.2f}" for one, other in pairs)
        lines.append(f"| {row.name} | {figures} | {row.offset} ms | {row.use}: {row.reason} |")
    gain = mean_gain(rows)
    return "\n".join([*lines, f"| **mean gain** | {gain:.3f} | | | | |"] if rows else lines)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="What adaptation to a person gains.")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "lipsync")
    studio = Studio(parser.parse_args().work)
    speaking = [face for face in faces(media_folder()) if speaks_in_sync(face.name)]
    clips = [clip_of(face, studio) for face in speaking]
    listener = studio.engine.listener
    print(adapting_table([adapted_by_halves(clip, listener) for clip in clips]))
    long_clips = [clip for clip in clips if clip.seconds[-1] > LEAST_SECONDS]
    combined = list(mismatched(long_clips, listener))
    accepted = [
        f"{clip.name} with {other.name}"
        for clip, other, adaptation in combined
        if adaptation.speaking.any()
    ]
    print(
        f"\nAudio of other clips: {len(accepted)} of {len(combined)} accepted as the clip's own."
        f" {accepted or ''}"
    )


if __name__ == "__main__":
    main()
