"""Decode the sound of a file, with the lengths of what is missing and what cannot be decoded."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from av import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from heygem_daemon.errors import BadInput, TooLarge
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.info import choose_audio_stream
from heygem_daemon.media.ogg import FilePart, OggLayout, read_ogg_layout
from heygem_daemon.media.rational import as_fraction
from heygem_daemon.media.riff import read_wav_sizes
from heygem_daemon.media.source import announced_seconds, open_media, read_packets

SHORTEST_GAP = Fraction(18, 1000)
"""Seconds that count as missing: the shortest lost packet (20 ms), give or take a coarse clock."""
SHORTEST_STEP = Fraction(5, 2000)
"""A step in the time stamps that is no rounding; smaller ones come from a clock that drifts."""
LONGEST_GAP, LONGEST_STATED_GAP = Fraction(10), Fraction(3600)
"""A longer gap comes from a new clock, unless it lies within the length that the file states."""
NEW_CLOCK = Fraction(1)
"""Time stamps that go back by this many seconds begin anew."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Sound that is not there, between two decoded frames."""

    seconds: Fraction
    cause: Literal["missing", "undecodable"]
    """'missing': the time stamps leave it out. 'undecodable': its packets are damaged."""


@dataclass(frozen=True, slots=True)
class ReadErrors:
    """Errors of the demuxer. What they hid cannot be measured."""

    count: int


@dataclass(frozen=True, slots=True)
class OpenSound:
    """An open file, or a link of a chained Ogg file, with its best audio stream."""

    container: InputContainer
    stream: AudioStream


Decoded = AudioFrame | Gap | ReadErrors


@contextmanager
def open_sound(path: Path, guard: MediaGuard = NO_LIMITS) -> Iterator[OpenSound]:
    """Open the sound of a file that is no chain. Raises BadInput or EnvironmentFault."""
    sizes = read_wav_sizes(path)
    options = {"ignore_length": "1"} if sizes and sizes.understates else {}
    with open_media(path, options) as container:
        yield OpenSound(container, choose_audio_stream(container, path, guard))


def decode_audio(path: Path, guard: MediaGuard = NO_LIMITS) -> Iterator[Decoded]:
    """Yield the decoded frames of the best audio stream, and between them what is not there.

    The links of a chained Ogg file follow each other. Raises BadInput where there is no sound,
    TooLarge where it is longer than ``guard`` allows, EnvironmentFault where the file cannot be
    read.
    """
    seconds = 0.0
    for piece in _decode_links(path, guard):
        seconds += _seconds_of(piece)
        guard.require_seconds(path, seconds)
        yield piece


def _seconds_of(piece: Decoded) -> float:
    match piece:
        case AudioFrame():
            return piece.samples / piece.sample_rate
        case Gap(seconds):
            return float(seconds)
        case _:
            return 0.0


def _decode_links(path: Path, guard: MediaGuard) -> Iterator[Decoded]:
    layout = read_ogg_layout(path, guard.step)
    if layout is None or len(layout.links) == 1:
        with open_sound(path, guard) as sound:
            yield from decode_stream(sound, guard)
    else:
        yield from _decode_chain(path, layout, guard)


def decode_stream(sound: OpenSound, guard: MediaGuard = NO_LIMITS) -> Iterator[Decoded]:
    """Yield the decoded frames of an open sound, and between them what is not there."""
    stream, errors = sound.stream, list[Exception]()
    clock = _Clock(announced_seconds(sound.container))
    for packet in read_packets(sound.container, stream, on_error=errors.append):
        guard.step()
        try:
            decoded = stream.decode(packet)
        except MemoryError:
            raise
        except FFmpegError:
            lost = _packet_seconds(packet, stream)
            clock.skip(lost)
            yield Gap(lost, "undecodable")
            continue
        for frame in decoded:
            if gap := clock.gap_before(frame):
                yield gap
            yield frame
    if errors:
        yield ReadErrors(len(errors))


def _decode_chain(path: Path, layout: OggLayout, guard: MediaGuard) -> Iterator[Decoded]:
    """Decode one link after the other; one that cannot be opened is a read error."""
    failure: BadInput | None = None
    has_sound = False
    for start, end in layout.links:
        with ExitStack() as files:
            part = files.enter_context(closing(FilePart(path, start, end)))
            try:
                container = files.enter_context(open_media(path, part=part))
                sound = OpenSound(container, choose_audio_stream(container, path, guard))
            except TooLarge:
                raise
            except BadInput as error:
                failure = error
                yield ReadErrors(1)
                continue
            has_sound = True
            yield from decode_stream(sound, guard)
    if failure is not None and not has_sound:
        raise failure


class _Clock:
    """Finds sound that the time stamps of the frames leave out."""

    def __init__(self, stated: Fraction) -> None:
        """``stated``: seconds that the file says it lasts; 0: unknown."""
        self._stated = stated
        self._start = Fraction(0)
        self._end: Fraction | None = None
        """Time up to which there is sound, or silence for what is missing."""
        self._last_end = Fraction(0)
        """End of the last frame, by its own time stamp."""
        self._damaged = False
        """Whether packets could not be decoded since the last frame."""

    def skip(self, seconds: Fraction) -> None:
        """Count ``seconds`` of packets that cannot be decoded."""
        self._damaged = True
        self._last_end += seconds
        self._end = None if self._end is None else self._end + seconds

    def gap_before(self, frame: AudioFrame) -> Gap | None:
        """Return what is missing before ``frame``, and go on to its end."""
        length = Fraction(frame.samples, frame.sample_rate)
        if self._end is None:
            self._start = self._end = self._last_end = frame_time(frame)
        begin = frame_time(frame) if frame.pts is not None else self._end
        ahead, step = begin - self._end, begin - self._last_end
        gap = None
        if ahead >= SHORTEST_GAP and step >= SHORTEST_STEP and self._is_plausible(begin, ahead):
            gap = Gap(ahead, "undecodable" if self._damaged else "missing")
            self._end = begin
        elif ahead > LONGEST_GAP or ahead < -NEW_CLOCK:
            self._end = begin
        self._damaged = False
        self._end += length
        self._last_end = begin + length
        return gap

    def _is_plausible(self, begin: Fraction, gap: Fraction) -> bool:
        is_stated = gap < LONGEST_STATED_GAP and begin - self._start <= self._stated
        return gap < LONGEST_GAP or is_stated


def frame_time(frame: AudioFrame) -> Fraction:
    """Return the presentation time of ``frame`` in seconds; 0 where it has none."""
    return (frame.pts or 0) * as_fraction(frame.time_base, Fraction(0))


def _packet_seconds(packet: "Packet[Stream]", stream: AudioStream) -> Fraction:
    return (packet.duration or 0) * as_fraction(packet.time_base or stream.time_base, Fraction(0))
