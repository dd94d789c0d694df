"""Build the index of a video from its packets, or by decoding where that fails."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from heygem_daemon.errors import BadInput
from heygem_daemon.media.decoded_index import index_by_decoding
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.info import choose_video_stream
from heygem_daemon.media.parameter_sets import SIZED_CODECS, stated_size
from heygem_daemon.media.rational import as_fraction
from heygem_daemon.media.regular_file import REPLACE_FILE_HINT
from heygem_daemon.media.riff import is_whole_riff
from heygem_daemon.media.source import (
    TOLERATED_LOSS,
    announced_seconds,
    is_truncated,
    open_media,
    read_packets,
)
from heygem_daemon.media.video_index import VideoIndex, keyframe_rows

HIDDEN_PICTURE_CODECS = frozenset({"vp8", "vp9", "mpeg4", "msmpeg4v3", "wmv3", "vc1"})
"""Codecs whose packets may hold no picture, or two. Their videos are indexed by decoding, as are
AVI files, which have no presentation times."""


def build_index(
    path: Path, guard: MediaGuard = NO_LIMITS, first_pts: int | None = None
) -> VideoIndex:
    """Index the best video stream of ``path`` from its packets, or by decoding where that fails.

    ``first_pts``: timestamp of the first picture that a decoder shows, where it is known; pictures
    before it and before the first keyframe are not part of the index.

    Raises BadInput where more than 5 % of what the header announces is missing, or where no
    picture can be decoded; TooLarge where it has more than ``guard`` allows.
    """
    with open_media(path) as container:
        stream = choose_video_stream(container, path, guard)
        found = _read_stream(container, stream, path, guard)
        index = None if found.must_be_decoded else _index_from_packets(found, stream, first_pts)
    if index is None:
        with open_media(path) as container:
            stream = choose_video_stream(container, path, guard)
            times = [packet.dts for packet in found.packets]
            index = index_by_decoding(container, stream, path, guard, times)
    index = replace(
        index,
        repeated=found.repeated,
        not_shown=index.not_shown + sum(packet.discard for packet in found.packets),
        read_errors=len(found.errors),
        lost_seconds=found.lost,
    )
    if not len(index):
        raise BadInput(f"{path.name} holds no picture that can be decoded.", REPLACE_FILE_HINT)
    span = float(index.timestamps[-1])
    guard.require_seconds(path, span)
    guard.require_picture_rate(path, len(index), span)
    return index


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


@dataclass(slots=True)
class _ReadStream:
    """The packets of a stream, and what they show of it."""

    packets: list[_IndexedPacket] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    furthest: Fraction = Fraction(0)
    """End of the last packet of any stream, seconds."""
    sizes: set[bytes] = field(default_factory=set)
    """What the keyframes state of their size; see ``stated_size``."""
    repeated: int = 0
    """As in ``VideoIndex``."""
    lost: Fraction = Fraction(0)
    """As ``VideoIndex.lost_seconds``."""
    must_be_decoded: bool = False
    """Whether only decoding tells which pictures there are, when they are shown and how large."""


def _read_stream(
    container: InputContainer, stream: VideoStream, path: Path, guard: MediaGuard
) -> _ReadStream:
    """Read all packets of a file. Raises BadInput where it is truncated."""
    read = _ReadStream()
    context = stream.codec_context
    codec, pixels = context.codec.canonical_name, context.width * context.height
    extradata = context.extradata
    for packet in read_packets(container, on_error=read.errors.append):
        guard.step()
        read.furthest = max(read.furthest, _end(packet))
        if packet.stream_index == stream.index and packet.size:
            if packet.is_keyframe and (size := _size_of(packet, codec, extradata)):
                read.sizes.add(size)
            read.packets.append(_IndexedPacket.from_packet(packet))
            guard.require_pictures(path, len(read.packets), pixels)
    if "avi" in container.format.name and is_whole_riff(path):
        read.repeated = max(0, stream.frames - len(read.packets))
    else:
        _require_pictures(len(read.packets), stream.frames, path)
        announced = announced_seconds(container)
        _require_length(read.furthest, announced, path)
        read.lost = max(Fraction(0), announced - read.furthest)
    read.must_be_decoded = (
        codec in HIDDEN_PICTURE_CODECS
        or "avi" in container.format.name
        or len(read.sizes - {extradata}) > 1
        or not _has_own_times(read.packets)
    )
    return read


def _size_of(packet: "Packet[Stream]", codec: str, extradata: bytes | None) -> bytes:
    if packet.has_sidedata("new_extradata"):
        return bytes(packet.get_sidedata("new_extradata"))
    return stated_size(codec, bytes(packet), extradata) if codec in SIZED_CODECS else b""


def _has_own_times(packets: list[_IndexedPacket]) -> bool:
    """Whether each packet that is shown has a time of its own, and decoding can begin at once."""
    shown = [packet for packet in packets if not packet.discard]
    times = {packet.pts for packet in shown}
    is_complete = None not in times and len(times) == len(shown)
    return bool(shown) and is_complete and shown[0].is_keyframe


def _index_from_packets(
    found: _ReadStream, stream: VideoStream, first_pts: int | None
) -> VideoIndex:
    shown = [packet for packet in found.packets if not packet.discard]
    start = _first_shown(shown, first_pts)
    times = sorted(packet.pts for packet in shown if packet.pts is not None)
    pts = np.array([time for time in times if time >= start], dtype=np.int64)
    keyframes = sorted(
        (int(np.searchsorted(pts, packet.pts)), packet.pts if packet.dts is None else packet.dts)
        for packet in shown
        if packet.is_keyframe and packet.pts is not None and packet.pts >= start
    )
    base = as_fraction(stream.time_base, Fraction(1))
    return VideoIndex(pts, base, keyframe_rows(keyframes), not_shown=len(times) - len(pts))


def _first_shown(shown: list[_IndexedPacket], first_pts: int | None) -> int:
    """Return the time of the first picture that is shown.

    A stream that was cut at an open group of pictures begins with a keyframe, and then has pictures
    that are shown before it but refer to what was cut off: decoders leave them out.
    """
    key = shown[0].pts or 0
    earliest = min(packet.pts for packet in shown if packet.pts is not None)
    return earliest if first_pts is None else max(earliest, min(first_pts, key))


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
