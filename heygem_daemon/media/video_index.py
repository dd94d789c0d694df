"""Index a video: its pictures, when each is shown, and where decoding can begin."""

from collections.abc import Callable, Iterator
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
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.info import choose_video_stream
from heygem_daemon.media.rational import as_fraction
from heygem_daemon.media.regular_file import REPLACE_FILE_HINT
from heygem_daemon.media.source import (
    TOLERATED_LOSS,
    announced_seconds,
    is_truncated,
    open_media,
    read_packets,
)

HIDDEN_PICTURE_CODECS = frozenset({"vp8", "vp9", "mpeg4", "msmpeg4v3", "wmv3", "vc1"})
"""Codecs whose packets may hold no picture, or two. Their videos are indexed by decoding, as are
AVI files, which have no presentation times."""


@dataclass(frozen=True, slots=True)
class VideoIndex:
    """The pictures of a video in presentation order."""

    pts: NDArray[np.int64]
    """Shape (N,): presentation timestamps in units of ``time_base``, ascending."""
    time_base: Fraction
    """Seconds."""
    keyframes: NDArray[np.int64]
    """Shape (K, 2), ascending: index of a picture that decodes without others, and the timestamp
    to seek to for it. K is 0 where seeking is unreliable: decoding then begins at the start."""
    has_timestamps: bool = True
    """Whether decoded frames carry the timestamps of ``pts``."""

    def __len__(self) -> int:
        return int(self.pts.shape[0])

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """Presentation times in seconds since the first picture, shape (N,)."""
        base = self.time_base
        shown: NDArray[np.float64] = (self.pts - self.pts[0]) * base.numerator / base.denominator
        return shown

    def picture_at(self, pts: int) -> int:
        """Return the last picture at or before ``pts``; -1 before the first."""
        return int(np.searchsorted(self.pts, pts, side="right")) - 1

    def keyframe_row_before(self, index: int) -> int:
        """Return the row of the last keyframe at or before picture ``index``; -1 if none."""
        return int(np.searchsorted(self.keyframes[:, 0], index, side="right")) - 1


def build_index(path: Path, guard: MediaGuard = NO_LIMITS) -> VideoIndex:
    """Index the best video stream of ``path`` from its packets, or by decoding where that fails.

    Raises BadInput where more than 5 % of what the header announces is missing, or where no
    picture can be decoded; TooLarge where it has more than ``guard`` allows.
    """
    with open_media(path) as container:
        stream = choose_video_stream(container, path, guard)
        index = _index_packets(container, stream, path, guard)
    if index is None:
        with open_media(path) as container:
            stream = choose_video_stream(container, path, guard)
            index = _index_by_decoding(container, stream, path, guard)
    if not len(index):
        raise BadInput(f"{path.name} holds no picture that can be decoded.", REPLACE_FILE_HINT)
    span = float(index.timestamps[-1])
    guard.require_seconds(path, span)
    guard.require_picture_rate(path, len(index), span)
    return index


def _index_packets(
    container: InputContainer, stream: VideoStream, path: Path, guard: MediaGuard
) -> VideoIndex | None:
    """Index from packets; None unless each shows one picture at a time of its own."""
    read: list[_IndexedPacket] = []
    furthest = Fraction(0)
    pixels = stream.codec_context.width * stream.codec_context.height
    for packet in read_packets(container):
        guard.step()
        furthest = max(furthest, _end(packet))
        if packet.stream_index == stream.index and packet.size:
            read.append(_IndexedPacket.from_packet(packet))
            guard.require_pictures(path, len(read), pixels)
    _require_pictures(len(read), stream.frames, path)
    _require_length(furthest, announced_seconds(container), path)
    shown = [entry for entry in read if not entry.discard]
    times = {entry.pts for entry in shown}
    is_complete = None not in times and len(times) == len(shown)
    if not is_complete or not shown or not shown[0].is_keyframe:
        return None
    if "avi" in container.format.name:
        return None
    if stream.codec_context.codec.canonical_name in HIDDEN_PICTURE_CODECS:
        return None
    return _index_from_packets(shown, stream)


@dataclass(frozen=True, slots=True)
class _IndexedPacket:
    """What the index keeps of a packet, without its data."""

    pts: int | None
    dts: int | None
    is_keyframe: bool
    discard: bool

    @classmethod
    def from_packet(cls, packet: "Packet[Stream]") -> "_IndexedPacket":
        return cls(packet.pts, packet.dts, packet.is_keyframe, packet.is_discard)


def _index_from_packets(shown: list[_IndexedPacket], stream: VideoStream) -> VideoIndex:
    pts = np.array(sorted(entry.pts for entry in shown if entry.pts is not None), dtype=np.int64)
    keyframes = sorted(
        (int(np.searchsorted(pts, entry.pts)), entry.pts if entry.dts is None else entry.dts)
        for entry in shown
        if entry.is_keyframe and entry.pts is not None
    )
    base = as_fraction(stream.time_base, Fraction(1))
    return VideoIndex(pts, base, _rows(keyframes))


def _index_by_decoding(
    container: InputContainer, stream: VideoStream, path: Path, guard: MediaGuard
) -> VideoIndex:
    """Index from decoded frames; their times are used only if each has one and they ascend."""
    times: list[int | None] = []
    keys: list[tuple[int, int]] = []
    stream.thread_type = "AUTO"
    for frame in decode_frames(container, stream, guard.step):
        guard.require_pictures(path, len(times) + 1, frame.width * frame.height)
        if frame.key_frame and frame.pts is not None:
            keys.append((len(times), frame.pts))
        times.append(frame.pts)
    base = as_fraction(stream.time_base, Fraction(1))
    present = [time for time in times if time is not None]
    if len(present) == len(times) and all(a < b for a, b in pairwise(present)):
        return VideoIndex(np.array(present, dtype=np.int64), base, _rows(keys))
    period = 1 / as_fraction(stream.average_rate, Fraction(25))
    return VideoIndex(
        np.arange(len(times), dtype=np.int64), period, _rows([]), has_timestamps=False
    )


def _rows(keyframes: list[tuple[int, int]]) -> NDArray[np.int64]:
    return np.array(keyframes, dtype=np.int64).reshape(-1, 2)


def decode_frames(
    container: InputContainer, stream: VideoStream, step: Callable[[], None] = lambda: None
) -> Iterator[VideoFrame]:
    """Yield the frames of ``stream`` from the container's position; skip undecodable packets.

    ``step`` is called for each packet. Raises MemoryError where memory does not suffice.
    """
    for packet in read_packets(container, stream):
        step()
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except FFmpegError:
            continue
        for frame in frames:
            if isinstance(frame, VideoFrame):
                yield frame


def _end(packet: "Packet[Stream]") -> Fraction:
    return ((packet.pts or 0) + (packet.duration or 0)) * as_fraction(packet.time_base, Fraction(0))


def _require_length(found: Fraction, announced: Fraction, path: Path) -> None:
    if is_truncated(found, announced):
        raise BadInput(
            f"{path.name} is truncated: it ends after {float(found):.1f} of "
            f"{float(announced):.1f} seconds.",
            REPLACE_FILE_HINT,
        )


def _require_pictures(read: int, announced: int, path: Path) -> None:
    missing = announced - read
    if missing > max(1, float(announced * TOLERATED_LOSS)):
        raise BadInput(
            f"{path.name} is truncated: {missing} of its {announced} pictures are missing.",
            REPLACE_FILE_HINT,
        )
