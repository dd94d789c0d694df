"""Read the sound of a file in blocks of float32 samples, as many channels as it has."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from av import AudioFrame

from heygem_daemon.media.audio_decoder import Gap, ReadErrors, decode_audio, frame_time
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.samples import Samples, float_samples, silence_bad_samples

BLOCK_SAMPLES = 1 << 14
"""Frames are joined up to this length: arrays of a thousand samples cost more than they hold."""


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """What stays the same within a block."""

    rate: int
    """Samples per second and channel."""
    channels: int
    layout: str
    """FFmpeg's name, as the file gives it: '2 channels' where it gives no order."""


@dataclass(frozen=True, slots=True)
class SoundBlock:
    """Consecutive samples."""

    format: SoundFormat
    samples: Samples
    bad_samples: int
    """Values that were no numbers, and are silence now."""
    start: Fraction
    """Presentation time in the file, in seconds."""


@dataclass(slots=True)
class _Pending:
    """Frames of one format that wait to be joined."""

    format: SoundFormat
    start: Fraction
    pieces: list[Samples] = field(default_factory=list)
    count: int = 0

    def join(self) -> SoundBlock:
        samples = np.concatenate(self.pieces, axis=1)
        return SoundBlock(self.format, samples, silence_bad_samples(samples), self.start)


def read_blocks(
    path: Path, guard: MediaGuard = NO_LIMITS
) -> Iterator[SoundBlock | Gap | ReadErrors]:
    """Yield the sound of ``path`` in order: blocks of samples, and what is not there between them.

    Raises BadInput, TooLarge or EnvironmentFault.
    """
    pending: _Pending | None = None
    for piece in decode_audio(path, guard):
        if not isinstance(piece, AudioFrame):
            if pending is not None:
                yield pending.join()
            pending = None
            yield piece
            continue
        format_ = _format_of(piece)
        if pending is not None and (format_ != pending.format or pending.count >= BLOCK_SAMPLES):
            yield pending.join()
            pending = None
        if pending is None:
            pending = _Pending(format_, frame_time(piece))
        pending.pieces.append(float_samples(piece))
        pending.count += piece.samples
    if pending is not None:
        yield pending.join()


def _format_of(frame: AudioFrame) -> SoundFormat:
    return SoundFormat(frame.sample_rate, frame.layout.nb_channels, frame.layout.name)
