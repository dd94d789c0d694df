"""Decode the frames of a video, and index it by them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
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

from heygem_daemon.media.decoder_threads import set_threads
from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.rational import as_fraction
from heygem_daemon.media.source import read_packets
from heygem_daemon.media.video_index import VideoIndex, keyframe_rows

Size = tuple[int, int]
Times = list[int | None]
Decode = Callable[["Packet[Stream]"], Sequence[object]]


def decode_frames(
    container: InputContainer,
    stream: VideoStream,
    step: Callable[[], None] = lambda: None,
    on_error: Callable[[], None] = lambda: None,
    decode: Decode = Packet.decode,
) -> Iterator[VideoFrame]:
    """Yield the frames of ``stream`` from the container's position; skip undecodable packets.

    ``step`` is called for each packet, ``on_error`` for each that cannot be decoded. ``decode``
    returns the pictures that are complete with a packet. Raises MemoryError where memory does not
    suffice.
    """
    for packet in read_packets(container, stream):
        step()
        try:
            frames = decode(packet)
        except MemoryError:
            raise
        except FFmpegError:
            on_error()
            continue
        for frame in frames:
            if isinstance(frame, VideoFrame):
                yield frame


def index_by_decoding(
    container: InputContainer,
    stream: VideoStream,
    path: Path,
    guard: MediaGuard,
    packet_times: Times,
) -> VideoIndex:
    """Index ``stream`` from its decoded frames; their times are used only if each has one and they
    ascend.

    ``packet_times``: decoding times of the packets. If there is one for each frame, they are the
    distances between the frames, too, since AVI gives each place in time a packet. Raises TooLarge
    where there is more than ``guard`` allows.
    """
    times: Times = []
    sizes: list[Size] = []
    keys: list[tuple[int, int]] = []
    errors = Counter[bool]()

    def count_error() -> None:
        errors[bool(times)] += 1

    set_threads(stream, guard.cores)
    for frame in decode_frames(container, stream, guard.step, count_error):
        guard.require_pictures(path, len(times) + 1, frame.width * frame.height)
        if frame.key_frame and frame.pts is not None:
            keys.append((len(times), frame.pts))
        times.append(frame.pts)
        sizes.append((frame.width, frame.height))
    # A decoder finds nothing to show before the first keyframe; that is no damage.
    return replace(
        _timed_index(times, packet_times, keys, stream),
        size=usual_size(sizes, times),
        undecodable=errors[True],
        not_shown=errors[False],
    )


def _timed_index(
    times: Times, packet_times: Times, keys: list[tuple[int, int]], stream: VideoStream
) -> VideoIndex:
    base = as_fraction(stream.time_base, Fraction(1))
    if is_ascending(times):
        return VideoIndex(np.array(times, dtype=np.int64), base, keyframe_rows(keys))
    if len(packet_times) == len(times) and is_ascending(packet_times):
        numbers = np.array(packet_times, dtype=np.int64)
    else:
        numbers, base = np.arange(len(times)), 1 / as_fraction(stream.average_rate, Fraction(25))
    return VideoIndex(numbers, base, keyframe_rows([]), has_timestamps=False)


def usual_size(sizes: list[Size], times: Times) -> Size | None:
    """Return the size that most of the time has; None without pictures.

    ``sizes`` and ``times``: of each picture, (N,). A picture without a next one, or without times,
    counts as long as one unit of time.
    """
    lasting = Counter[Size]()
    for size, (time, following) in zip(sizes, pairwise([*times, None]), strict=True):
        if time is None or following is None:
            lasting[size] += 1
        else:
            lasting[size] += max(1, following - time)
    return lasting.most_common(1)[0][0] if sizes else None


def is_ascending(times: Times) -> bool:
    """Whether each time is there and later than the one before it."""
    present = [time for time in times if time is not None]
    return len(present) == len(times) and all(a < b for a, b in pairwise(present))
