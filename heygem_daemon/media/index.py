"""Which pictures a video holds, when each is shown, and where decoding can begin."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from heygem_daemon.errors import BadInput
from heygem_daemon.media.source import REPLACE, packets

HIDDEN_PICTURES = frozenset({"vp8", "vp9", "mpeg4", "msmpeg4v3", "wmv3", "vc1"})
"""Codecs whose packets may hold no picture, or two: there only decoding tells."""
TOLERATED_LOSS = 0.05


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A picture that decodes without others: its presentation index, and where to seek."""

    index: int
    seek: int


@dataclass(frozen=True, slots=True)
class Index:
    """``ticks``: int64 presentation times in units of ``time_base`` seconds, ascending.

    ``keyframes`` in ascending order; empty where seeking cannot be trusted, so that decoding
    always begins at the start of the file. ``timed``: decoded frames carry these ticks.
    """

    ticks: NDArray[np.int64]
    time_base: Fraction
    keyframes: tuple[Keyframe, ...]
    timed: bool = True

    def __len__(self) -> int:
        return int(self.ticks.shape[0])

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Presentation times in seconds from the first picture on."""
        shown: NDArray[np.float64] = (self.ticks - self.ticks[0]) * float(self.time_base)
        return shown

    def number_of(self, ticks: int) -> int:
        """The last picture at or before ``ticks``; -1 before the first."""
        return int(np.searchsorted(self.ticks, ticks, side="right")) - 1

    def keyframes_before(self, index: int) -> Iterator[Keyframe]:
        """Where to begin decoding for picture ``index``: the nearest keyframe first."""
        place = bisect_right([keyframe.index for keyframe in self.keyframes], index)
        return reversed(self.keyframes[:place])


def build(container: InputContainer, stream: VideoStream, path: Path) -> Index:
    """Index ``stream`` from its packets, or by decoding it where they do not tell.

    ``container`` is read from where it stands (its start) to its end. Raises BadInput where more
    than 5 % of what the header announces is missing.
    """
    read = [_Entry.of(packet) for packet in packets(container, stream) if packet.size]
    shown = [entry for entry in read if not entry.discard]
    _require_whole(len(read), stream.frames, path)
    times = {entry.pts for entry in shown}
    told = None not in times and len(times) == len(shown) and shown and shown[0].key
    if told and stream.codec_context.codec.canonical_name not in HIDDEN_PICTURES:
        return _by_packets(shown, stream)
    container.seek(0)
    return _by_decoding(container, stream)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the index keeps of a packet; its data is not held."""

    pts: int | None
    dts: int | None
    key: bool
    discard: bool

    @classmethod
    def of(cls, packet: "Packet[Stream]") -> "_Entry":
        return cls(packet.pts, packet.dts, packet.is_keyframe, packet.is_discard)


def _by_packets(shown: list[_Entry], stream: VideoStream) -> Index:
    """Index from packets that all have a presentation time of their own."""
    ticks = np.array(sorted(entry.pts for entry in shown if entry.pts is not None), dtype=np.int64)
    keyframes = sorted(
        (int(np.searchsorted(ticks, entry.pts)), entry.pts if entry.dts is None else entry.dts)
        for entry in shown
        if entry.key and entry.pts is not None
    )
    base = stream.time_base or Fraction(1)
    return Index(ticks, base, tuple(Keyframe(index, seek) for index, seek in keyframes))


def _by_decoding(container: InputContainer, stream: VideoStream) -> Index:
    """Index from decoded frames; their times count only if each has one and they ascend."""
    times: list[int | None] = []
    keys: list[Keyframe] = []
    for frame in decoded(container, stream):
        if frame.key_frame and frame.pts is not None:
            keys.append(Keyframe(len(times), frame.pts))
        times.append(frame.pts)
    base = stream.time_base or Fraction(1)
    known = [time for time in times if time is not None]
    if len(known) == len(times) and all(a < b for a, b in pairwise(known)):
        return Index(np.array(known, dtype=np.int64), base, tuple(keys))
    period = 1 / (stream.average_rate or Fraction(25))
    return Index(np.arange(len(times), dtype=np.int64), period, (), timed=False)


def decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames of ``stream`` from where the container stands; undecodable packets are skipped."""
    for packet in packets(container, stream):
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        for frame in frames:
            if isinstance(frame, VideoFrame):
                yield frame


def _require_whole(read: int, announced: int, path: Path) -> None:
    missing = announced - read
    if missing > max(1, announced * TOLERATED_LOSS):
        raise BadInput(
            f"{path.name} is truncated: {missing} of its {announced} pictures are missing.",
            REPLACE,
        )
