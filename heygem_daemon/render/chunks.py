"""Chunks: time windows that are rendered, retried and resumed one by one.

A chunk's segment file appears under its final name only when it is complete, so that the files
themselves are the checkpoint. Where memory is short, a chunk is drawn in halves, or halves of
these, each with a file of its own. Segments are reused only if the fingerprint beside them, which
names inputs, options, engine and weights, is that of the current job.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from heygem_daemon.system.atomic import write_atomically

FINGERPRINT_FILE = "plan.json"
AUDIO_FILE = "sound.m4a"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of output frames, or a piece of one."""

    number: int
    """Number of the chunk in its job, from 0."""
    first: int
    """First output frame."""
    stop: int
    """Output frame after the last one."""
    piece: str = ""
    """Which part of the chunk, such as 'ab' for the second half of its first half; '': all."""
    suffix: str = ".mp4"
    """Suffix of its segment, as of the result."""

    @property
    def frame_count(self) -> int:
        return self.stop - self.first

    def segment_path(self, workspace: Path) -> Path:
        """Return the path of this chunk's encoded file."""
        return workspace / f"{self._stem}{self.suffix}"

    def claim_path(self, workspace: Path) -> Path:
        """Return the path of the file that says who draws this chunk."""
        return workspace / f"claim-{self.number:05d}"

    def halves(self) -> tuple["Chunk", "Chunk"]:
        """Return the chunk in two pieces; it must have two frames or more."""
        middle = (self.first + self.stop) // 2
        return (
            replace(self, stop=middle, piece=self.piece + "a"),
            replace(self, first=middle, piece=self.piece + "b"),
        )

    def has_pieces(self, workspace: Path) -> bool:
        """Whether there are segments of pieces of this chunk."""
        return any(workspace.glob(f"{self._stem}[ab]*{self.suffix}"))

    @property
    def _stem(self) -> str:
        return f"segment-{self.number:05d}{self.piece}"


def split_frames(frames: int, fps: Fraction, seconds: float, suffix: str = ".mp4") -> list[Chunk]:
    """Split ``frames`` output frames into chunks of ``seconds`` (> 0), the last one shorter.

    ``suffix``: of the segments.
    """
    size = max(1, round(float(fps) * seconds))
    return [
        Chunk(number, first, min(first + size, frames), suffix=suffix)
        for number, first in enumerate(range(0, frames, size))
    ]


def reset_stale_workspace(workspace: Path, fingerprint: dict[str, object]) -> None:
    """Prepare ``workspace`` for the job with this fingerprint.

    Segments and sound of another fingerprint are removed, and the new one is written durably.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    if has_fingerprint(workspace, fingerprint):
        return
    for stale in [*find_segments(workspace), encoded_audio_path(workspace)]:
        stale.unlink(missing_ok=True)
    write_atomically(
        workspace / FINGERPRINT_FILE,
        json.dumps(fingerprint, indent=1),
        durable=True,
        temporary_name=f".{FINGERPRINT_FILE}",
    )


def has_fingerprint(workspace: Path, fingerprint: dict[str, object]) -> bool:
    """Whether the segments in ``workspace`` are of the job with this fingerprint."""
    return bool(_read_fingerprint(workspace) == json.loads(json.dumps(fingerprint)))


def encoded_audio_path(workspace: Path) -> Path:
    """Return the path of the sound that is encoded while pictures are drawn."""
    return workspace / AUDIO_FILE


def find_segments(workspace: Path) -> Iterator[Path]:
    """Yield the finished segments in ``workspace``, in order."""
    yield from sorted(workspace.glob("segment-*.m[op][v4]"))


def _read_fingerprint(workspace: Path) -> object:
    try:
        return json.loads((workspace / FINGERPRINT_FILE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
