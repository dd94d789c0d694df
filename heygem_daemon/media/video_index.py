"""Which pictures a video holds, when each is shown, and where decoding can begin."""

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
from heygem_daemon.media.info import video_stream
from heygem_daemon.media.source import REPLACE, announced_seconds, is_short, opened, packets

HIDDEN_PICTURES = frozenset({"vp8", "vp9", "mpeg4", "msmpeg4v3", "wmv3", "vc1"})
"""Codecs whose packets may hold no picture, or two: there only decoding tells, as in AVI,
which has no presentation times."""
TOLERATED_LOSS = 0.05


@dataclass(frozen=True, slots=True)
class Index:
    """``ticks``: int64 presentation times in units of ``time_base`` seconds, ascending.

    ``keyframes``: int64 (K, 2), ascending: the index of a picture that decodes without others,
    and the ticks to seek to for it; no rows where seeking cannot be trusted, so that decoding
    always begins at the start of the file. ``timed``: decoded frames carry these ticks.
    """

    ticks: NDArray[np.int64]
    time_base: Fraction
    keyframes: NDArray[np.int64]
    timed: bool = True

    def __len__(self) -> int:
        return int(self.ticks.shape[0])

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Presentation times in seconds from the first picture on."""
        base = self.time_base
        shown: NDArray[np.float64] = (
            (self.ticks - self.ticks[0]) * base.numerator / base.denominator
        )
        return shown

    def number_of(self, ticks: int) -> int:
        """The last picture at or before ``ticks``; -1 before the first."""
        return int(np.searchsorted(self.ticks, ticks, side="right")) - 1

    def keyframe_before(self, index: int) -> int:
        """The row of the last keyframe at or before picture ``index``; -1 if there is none."""
        return int(np.searchsorted(self.keyframes[:, 0], index, side="right")) - 1


def build(path: Path) -> Index:
    """Index the best video stream of ``path`` from its packets, or by decoding it where they do
    not tell.

    Raises BadInput where more than 5 % of what the header announces is missing, or all of it.
    """
    with opened(path) as container:
        index = _by_packets(container, video_stream(container, path), path)
    if index is None:
        with opened(path) as container:
            index = _by_decoding(container, video_stream(container, path))
    if not len(index):
        raise BadInput(f"{path.name} holds no picture that can be decoded.", REPLACE)
    return index


def _by_packets(container: InputContainer, stream: VideoStream, path: Path) -> Index | None:
    """The index, if all packets have a presentation time of their own and show one picture."""
    read: list[_Entry] = []
    furthest = Fraction(0)
    for packet in packets(container):
        furthest = max(furthest, _end(packet))
        if packet.stream_index == stream.index and packet.size:
            read.append(_Entry.of(packet))
    _require_whole(len(read), stream.frames, path)
    _require_length(furthest, announced_seconds(container), path)
    shown = [entry for entry in read if not entry.discard]
    times = {entry.pts for entry in shown}
    told = None not in times and len(times) == len(shown) and shown and shown[0].key
    if not told or "avi" in container.format.name:
        return None
    if stream.codec_context.codec.canonical_name in HIDDEN_PICTURES:
        return None
    return _of_entries(shown, stream)


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


def _of_entries(shown: list[_Entry], stream: VideoStream) -> Index:
    ticks = np.array(sorted(entry.pts for entry in shown if entry.pts is not None), dtype=np.int64)
    keyframes = sorted(
        (int(np.searchsorted(ticks, entry.pts)), entry.pts if entry.dts is None else entry.dts)
        for entry in shown
        if entry.key and entry.pts is not None
    )
    base = stream.time_base or Fraction(1)
    return Index(ticks, base, _rows(keyframes))


def _by_decoding(container: InputContainer, stream: VideoStream) -> Index:
    """Index from decoded frames; their times count only if each has one and they ascend."""
    times: list[int | None] = []
    keys: list[tuple[int, int]] = []
    stream.thread_type = "AUTO"
    for frame in decoded(container, stream):
        if frame.key_frame and frame.pts is not None:
            keys.append((len(times), frame.pts))
        times.append(frame.pts)
    base = stream.time_base or Fraction(1)
    known = [time for time in times if time is not None]
    if len(known) == len(times) and all(a < b for a, b in pairwise(known)):
        return Index(np.array(known, dtype=np.int64), base, _rows(keys))
    period = 1 / (stream.average_rate or Fraction(25))
    return Index(np.arange(len(times), dtype=np.int64), period, _rows([]), timed=False)


def _rows(keyframes: list[tuple[int, int]]) -> NDArray[np.int64]:
    return np.array(keyframes, dtype=np.int64).reshape(-1, 2)


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


def _end(packet: "Packet[Stream]") -> Fraction:
    return ((packet.pts or 0) + (packet.duration or 0)) * (packet.time_base or Fraction(0))


def _require_length(found: Fraction, announced: Fraction, path: Path) -> None:
    if is_short(found, announced):
        raise BadInput(
            f"{path.name} is truncated: it ends after {float(found):.1f} of "
            f"{float(announced):.1f} seconds.",
            REPLACE,
        )


def _require_whole(read: int, announced: int, path: Path) -> None:
    missing = announced - read
    if missing > max(1, announced * TOLERATED_LOSS):
        raise BadInput(
            f"{path.name} is truncated: {missing} of its {announced} pictures are missing.",
            REPLACE,
        )
