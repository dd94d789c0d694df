"""What the audio model costs: processor time per second of sound, and memory over hours.

``.venv/bin/python benchmarks/listening.py`` prints two tables. Processor time (not wall time) of
one thread, the best of several runs, after a warm-up; the sound is the demo's, repeated. Memory is
the peak of a process of its own for each length (``--hours 1 2``). It reads the sound as a stream
and never holds all of it.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from heygem_daemon.engines.builtin.audio.listening import AudioModel
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.speech.features import SAMPLE_RATE

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "weights" / "builtin"
DEMO_SOUND = ROOT / "demo" / "speech.wav"
TARGET = 0.04
"""Processor time / duration."""
KIBIBYTES_PER_MEBIBYTE = 1024


def listening_cost(listener: AudioModel, sound: NDArray[np.float32], repeats: int = 5) -> float:
    """Return the processor seconds per second of ``sound`` (n,): the best of ``repeats``."""
    costs = []
    for _ in range(repeats):
        began = time.process_time()
        listener.listen([sound])
        costs.append((time.process_time() - began) / (len(sound) / SAMPLE_RATE))
    return min(costs)


def repeated(sound: NDArray[np.float32], seconds: float) -> Iterator[NDArray[np.float32]]:
    """Yield ``sound`` as a block, repeated, ``seconds`` in all."""
    left = round(seconds * SAMPLE_RATE)
    while left > 0:
        yield sound[:left]
        left -= len(sound)


def demo_sound() -> NDArray[np.float32]:
    """Return the demo's sound, float32 (n,) at 16 kHz."""
    return np.concatenate(list(read_waveform(DEMO_SOUND)))


def costs(lengths: list[float]) -> Table:
    """Make the table of costs for sounds of several lengths in seconds."""
    torch.set_num_threads(1)
    listener, sound = AudioModel.load(WEIGHTS), demo_sound()
    listener.listen([sound])
    table = Table(title=f"audio model, one core (target: {TARGET:.0%} of the sound's duration)")
    table.add_column("sound, s", justify="right")
    table.add_column("processor time / duration", justify="right")
    for seconds in lengths:
        piece = np.concatenate(list(repeated(sound, seconds)))
        table.add_row(f"{seconds:g}", f"{listening_cost(listener, piece):.2%}")
    return table


def peak_mebibytes(seconds: float) -> float:
    """Return the peak resident memory, in MiB, of a process that reads ``seconds`` of sound."""
    command = [sys.executable, __file__, "--only", str(seconds)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_peak(seconds: float) -> None:
    """Run the model on ``seconds`` of sound in this process and print its peak memory in MiB."""
    torch.set_num_threads(1)
    AudioModel.load(WEIGHTS).listen(repeated(demo_sound(), seconds))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES_PER_MEBIBYTE)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, nargs="+", default=[3, 5, 10, 30, 60])
    parser.add_argument("--hours", type=float, nargs="*", default=[0.05, 1, 2])
    parser.add_argument("--only", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only is not None:
        print_peak(arguments.only)
        return
    console = Console()
    console.print(costs(arguments.seconds))
    table = Table(title="peak resident memory of a process that only runs the audio model")
    table.add_column("sound, h", justify="right")
    table.add_column("MiB", justify="right")
    for hours in arguments.hours:
        table.add_row(f"{hours:g}", f"{peak_mebibytes(hours * 3600):.0f}")
    console.print(table)


if __name__ == "__main__":
    main()
