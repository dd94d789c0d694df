"""What adaptation to a person wins: learned on the first half of a clip, measured on the second.

``.venv/bin/python -m benchmarks.lips.adapting`` prints it for every clip of the test media that
speaks itself, and beside it what becomes of the same pictures with the sounds of the others.
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
"""Shorter clips show too little to be crossed with the sound of others."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """``before`` and ``after``: correlation of heard and seen aperture, width and jaw (3,) in the
    second half, without and with what the first half tells; ``offset`` in ms; ``use`` and
    ``reason`` as the report of a job has them."""

    name: str
    before: Floats
    after: Floats
    offset: int
    use: str
    reason: str

    @property
    def gain(self) -> float:
        """Correlation of the aperture that was won."""
        return float(self.after[0] - self.before[0])


def adapted_by_halves(clip: Clip, listener: AudioModel) -> Adapted:
    """Learn on the first half of a clip, measure on the second."""
    speech, mouth = listener.listen([clip.sound]), mouth_of(clip)
    first = np.arange(len(mouth)) < len(mouth) // 2
    own = adapt_from_speech(
        until(speech, float(clip.seconds[first].max())), clip.seconds[first], mouth[first]
    )
    seen = ~first & clip.present
    shown, truth = clip.seconds[seen], mouth[seen]
    late = own.sync.offset_seconds if own.speaking.any() else 0.0
    after = interpolate_at(apply_correction(speech, own.correction).scores, shown + late)
    return Adapted(
        clip.name,
        correlations(interpolate_at(speech.scores, shown), truth)[:3],
        correlations(after, truth)[:3],
        round(1000 * late),
        str(own.figures["adaptation"]),
        own.reason,
    )


def until(speech: Speech, seconds: float) -> Speech:
    """The speech up to a time, as if nothing more had been recorded."""
    end = round(seconds * STATE_RATE)
    return replace(
        speech,
        scores=speech.scores[:end],
        activity=speech.activity[:end],
        closed=speech.closed[:end],
        hidden=speech.hidden[:end],
    )


def strangers(
    clips: Sequence[Clip], listener: AudioModel
) -> Iterable[tuple[Clip, Clip, SpeakerAdaptation]]:
    """The pictures of each clip with the sound of each other, and what is made of that."""
    heard = [listener.listen([clip.sound]) for clip in clips]
    for clip in clips:
        for other, speech in zip(clips, heard, strict=True):
            if other is not clip:
                yield clip, other, adapt_from_speech(speech, clip.seconds, mouth_of(clip))


def mouth_of(clip: Clip) -> Floats:
    """Mouth parameters (T, 4), NaN where there is no face."""
    return np.where(clip.present[:, None], clip.mouth, np.nan).astype(np.float32)


def mean_gain(rows: Sequence[Adapted]) -> float | None:
    """Mean over the clips, each counted alike."""
    return float(np.mean([row.gain for row in rows])) if rows else None


def adapting_table(rows: Sequence[Adapted]) -> str:
    """A row for each clip: without → with adaptation, second half."""
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
    parser = argparse.ArgumentParser(description="What adaptation to a person wins.")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "lipsync")
    studio = Studio(parser.parse_args().work)
    speaking = [face for face in faces(media_folder()) if speaks_in_sync(face.name)]
    clips = [clip_of(face, studio) for face in speaking]
    listener = studio.engine.listener
    print(adapting_table([adapted_by_halves(clip, listener) for clip in clips]))
    long = [clip for clip in clips if clip.seconds[-1] > LEAST_SECONDS]
    crossed = list(strangers(long, listener))
    taken = [f"{clip.name} with {other.name}" for clip, other, own in crossed if own.speaking.any()]
    print(f"\nSounds of others: {len(taken)} of {len(crossed)} taken for the own. {taken or ''}")


if __name__ == "__main__":
    main()
