"""Compare predicted with tracked mouths, on clips of people who are not in the training data.

python -m training.evaluate CLIP... [--results training/RESULTS.md]
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.audio.heads import PARAMETERS
from heygem_daemon.engines.builtin.audio.listening import AudioModel, Speech
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.speech.features import SAMPLE_RATE, STATE_RATE, STATE_SAMPLES
from training.corpus import Clip, Corpus

Floats = NDArray[np.float32]

OFFSETS = np.arange(-10, 11)
"""Offsets between audio and picture that are tried, in states of 20 ms."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a prediction agrees with a clip."""

    name: str
    seconds: float
    """Length of the audio."""
    correlation: Floats
    """(4,), of each parameter, without an offset."""
    best: float
    """Correlation of the aperture at its best offset."""
    offset: int
    """The best offset in ms; positive if the audio is late."""


def agreement(clip: Clip, speech: Speech) -> Agreement:
    """Compare the mouth of a clip with the prediction from its audio."""
    at_offset = np.stack([correlations(clip, speech, offset / STATE_RATE) for offset in OFFSETS])
    best = int(at_offset[:, 0].argmax())
    return Agreement(
        clip.name,
        float(speech.seconds),
        at_offset[len(OFFSETS) // 2],
        float(at_offset[best, 0]),
        int(OFFSETS[best]) * 1000 // STATE_RATE,
    )


def evaluate_clip(clip: Clip, listener: AudioModel) -> Agreement:
    """Return the agreement when the clip's audio is processed by itself."""
    return agreement(clip, listener.listen([clip.sound]))


def evaluate_among_others(clip: Clip, listener: AudioModel, others: Floats) -> Agreement:
    """Return the agreement when the clip's audio lies between that of other people.

    ``others``: their audio; the clip is scaled to its level.
    """
    before = others[: len(others) // STATE_SAMPLES * STATE_SAMPLES]
    sound = clip.sound * (np.abs(others).max() / np.abs(clip.sound).max())
    speech = listener.listen([before, sound, others])
    first, count = len(before) // STATE_SAMPLES, -(-len(sound) // STATE_SAMPLES)
    part = slice(first, first + count)
    seconds = Fraction(len(sound), SAMPLE_RATE)
    predicted = Speech(
        scores=speech.scores[part],
        activity=speech.activity[part],
        closed=speech.closed[part],
        hidden=speech.hidden[part],
        seconds=seconds,
        silent=False,
    )
    return agreement(clip, predicted)


def correlations(clip: Clip, speech: Speech, offset: float) -> Floats:
    """Return the Pearson correlation (4,) of each parameter over the pictures with a face."""
    time = clip.seconds + offset
    counts = clip.present & (time >= 0) & (time <= (len(speech) - 1) / STATE_RATE)
    states = np.arange(len(speech)) / STATE_RATE
    pairs = [
        (np.interp(time[counts], states, predicted), measured)
        for predicted, measured in zip(speech.scores.T, clip.mouth[counts].T, strict=True)
    ]
    return np.array(
        [np.corrcoef(predicted, measured)[0, 1] for predicted, measured in pairs], np.float32
    )


def table(rows: Sequence[Agreement]) -> str:
    """Return a Markdown table of clips and their means.

    GRID (read sentences) and free speech are separate.
    """
    lines = [
        f"| clip | seconds | {' | '.join(PARAMETERS)} | aperture at best offset | offset |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups = {
        "GRID": [row for row in rows if row.name.startswith("grid")],
        "free speech": [row for row in rows if not row.name.startswith("grid")],
    }
    for title, members in groups.items():
        lines += [line(row) for row in members]
        if members:
            lines.append(line(mean(title, members)).replace("| 0 ms |", "| |"))
    return "\n".join(lines) + "\n"


def mean(title: str, rows: Sequence[Agreement]) -> Agreement:
    """Return the mean of several clips with equal weight."""
    return Agreement(
        f"**mean of {title}**",
        sum(row.seconds for row in rows),
        np.mean([row.correlation for row in rows], axis=0),
        float(np.mean([row.best for row in rows])),
        0,
    )


def line(row: Agreement) -> str:
    """Return one row of the table."""
    figures = " | ".join(f"{value:.2f}" for value in row.correlation)
    return f"| {row.name} | {row.seconds:.1f} | {figures} | {row.best:.2f} | {row.offset} ms |"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Compare predicted with tracked mouths.")
    parser.add_argument("clips", type=Path, nargs="+", help="videos with their own audio")
    parser.add_argument("--weights", type=Path, default=Path("weights/builtin"))
    parser.add_argument("--cache", type=Path, default=Path("build/training/tracks"))
    parser.add_argument("--company", type=Path, help="audio of other people, 10 s or more")
    parser.add_argument("--results", type=Path, help="file whose table is replaced")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    corpus, listener = (
        Corpus(arguments.weights, arguments.cache),
        AudioModel.load(arguments.weights),
    )
    clips = [corpus.clip(path) for path in arguments.clips]
    text = table([evaluate_clip(clip, listener) for clip in clips])
    if arguments.company:
        others = np.concatenate(list(read_waveform(arguments.company)))
        rows = [evaluate_among_others(clip, listener, others) for clip in clips]
        text += f"\nThe same clips in the middle of long audio of other people:\n\n{table(rows)}"
    print(text)
    if arguments.results:
        before, _, _ = arguments.results.read_text().partition("<!-- table -->")
        arguments.results.write_text(f"{before}<!-- table -->\n{text}")


if __name__ == "__main__":
    main()
