"""Chunks: time windows that are rendered, retried and resumed one by one.

A chunk's segment file appears under its final name only when it is complete, so the files
themselves are the checkpoint. Where memory is short, a chunk is drawn in halves, or halves of
these, with files of their own. They are reused only if the plan beside them, which names inputs,
options, engine and weights, is the one at hand.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from heygem_daemon.system.atomic import write_atomically

FINGERPRINT_FILE = "plan.json"
AUDIO_FILE = "sound.m4a"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Output frames ``first`` … ``stop`` - 1, number ``number`` from 0. ``piece``: which part of
    that chunk, as in 'ab' for the second half of its first half; '' for all of it."""

    number: int
    first: int
    stop: int
    piece: str = ""

    @property
    def frame_count(self) -> int:
        return self.stop - self.first

    def segment_path(self, workspace: Path) -> Path:
        """Where this chunk's encoded file lies."""
        return workspace / f"{self._stem}.mp4"

    def halves(self) -> tuple["Chunk", "Chunk"]:
        """The chunk in two pieces; it must have two frames or more."""
        middle = (self.first + self.stop) // 2
        return (
            Chunk(self.number, self.first, middle, self.piece + "a"),
            Chunk(self.number, middle, self.stop, self.piece + "b"),
        )

    def has_pieces(self, workspace: Path) -> bool:
        """Whether pieces of this chunk lie there."""
        return any(workspace.glob(f"{self._stem}[ab]*.mp4"))

    @property
    def _stem(self) -> str:
        return f"segment-{self.number:05d}{self.piece}"


def split_frames(frames: int, fps: Fraction, seconds: float) -> list[Chunk]:
    """Windows of ``seconds`` (> 0) that cover ``frames`` output frames without gap or overlap."""
    size = max(1, round(float(fps) * seconds))
    return [
        Chunk(number, first, min(first + size, frames))
        for number, first in enumerate(range(0, frames, size))
    ]


def reset_stale_workspace(workspace: Path, fingerprint: dict[str, object]) -> None:
    """Make ``workspace`` hold segments and sound of ``plan`` only: others are removed, then it is
    noted."""
    workspace.mkdir(parents=True, exist_ok=True)
    if _noted(workspace) == json.loads(json.dumps(fingerprint)):
        return
    for stale in [*find_segments(workspace), encoded_audio_path(workspace)]:
        stale.unlink(missing_ok=True)
    write_atomically(
        workspace / FINGERPRINT_FILE,
        json.dumps(fingerprint, indent=1),
        durable=True,
        temporary_name=f".{FINGERPRINT_FILE}",
    )


def encoded_audio_path(workspace: Path) -> Path:
    """Where the sound lies that was encoded while pictures were drawn, when it is complete."""
    return workspace / AUDIO_FILE


def find_segments(workspace: Path) -> Iterator[Path]:
    """The finished segments in ``workspace``, in order."""
    yield from sorted(workspace.glob("segment-*.mp4"))


def _noted(workspace: Path) -> object:
    try:
        return json.loads((workspace / FINGERPRINT_FILE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
