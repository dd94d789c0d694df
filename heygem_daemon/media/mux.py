"""Join encoded segments and the original sound into one MP4, without encoding pictures again."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from heygem_daemon.errors import BadInput
from heygem_daemon.media.atomic_output import STORAGE_FAULTS, written
from heygem_daemon.media.audio_decoder import Sound, is_as_long, measure
from heygem_daemon.media.audio_track import add_aac, copied, encoded, is_copyable, until
from heygem_daemon.media.info import audio_stream, video_stream
from heygem_daemon.media.source import opened, packets

TOLD_EVERY = 250
"""Pictures."""

OnPictures = Callable[[int], None]


class NotCopyable(Exception):
    """The sound cannot be put into an MP4 as it is."""


def join(
    segments: Sequence[Path],
    audio: Path,
    target: Path,
    fps: Fraction,
    frames: int,
    duration: Fraction,
    on_pictures: OnPictures = lambda _count: None,
    ahead: Path | None = None,
) -> str:
    """Write ``target``: the pictures of ``segments`` in order, and the sound of ``audio``.

    Picture i is shown at exactly i / ``fps``; there must be ``frames`` of them. The sound begins
    with the pictures and is ``duration`` seconds long: a stream copy where MP4 allows it, else AAC
    at 192 kbit/s, taken from the file ``ahead`` where ``encode_ahead`` has made it. The index lies
    at the front of the file. Returns what was done with the sound, such as 'aac (copied)'.
    ``on_pictures`` is told now and then how many pictures are written: the sound of a long result
    takes many minutes to encode. Raises SpoolUnavailable where the disk is full, ValueError where
    the segments do not fit together.
    """
    pictures = _Pictures(segments, fps)
    if len(pictures) != frames:
        raise ValueError(f"the segments hold {len(pictures)} pictures, not {frames}")
    sound = measure(audio)
    if not is_as_long(sound, duration):
        raise ValueError(f"the sound is {sound.duration} s long, not {duration} s")
    if is_copyable(sound) and _is_copied(pictures, audio, sound, target, on_pictures):
        return f"{sound.codec} (copied)"
    done = f"aac (encoded from {sound.codec})"
    if ahead is not None and ahead.exists():
        prepared = replace(sound, start=Fraction(0))
        if _is_copied(pictures, ahead, prepared, target, on_pictures):
            return done
    _write(pictures, audio, sound, target, on_pictures, copy=False)
    return done


class _Pictures:
    """The packets of all segments on one clock whose unit is a frame."""

    def __init__(self, segments: Sequence[Path], fps: Fraction) -> None:
        self.segments = segments
        self.fps = fps
        self._order: list[int] = []
        """Presentation number of each packet, in decoding order."""
        headers = set()
        for segment in segments:
            with opened(segment) as container:
                stream = video_stream(container, segment)
                headers.add(stream.codec_context.extradata)
                first = len(self._order)
                self._order += [
                    first + self._number(packet, stream)
                    for packet in packets(container, stream)
                    if packet.size
                ]
        if len(headers) > 1:
            raise ValueError("the segments were encoded with different parameters")
        if sorted(self._order) != list(range(len(self._order))):
            raise ValueError("the segments do not hold each picture once")
        self._delay = max((place - shown for place, shown in enumerate(self._order)), default=0)
        """Frames by which decoding must run ahead, so that none is shown before it is decoded."""

    def __len__(self) -> int:
        return len(self._order)

    def packets(self, out: VideoStream) -> Iterator["Packet[Stream]"]:
        place = 0
        for segment in self.segments:
            with opened(segment) as container:
                for packet in packets(container, video_stream(container, segment)):
                    if not packet.size:
                        continue
                    packet.time_base = 1 / self.fps
                    packet.pts, packet.dts = self._order[place], place - self._delay
                    packet.duration = 1
                    packet.stream = out
                    place += 1
                    yield packet

    def _number(self, packet: "Packet[Stream]", stream: VideoStream) -> int:
        return round((packet.pts or 0) * (stream.time_base or 1) * self.fps)


def _is_copied(
    pictures: _Pictures, audio: Path, sound: Sound, target: Path, on_pictures: OnPictures
) -> bool:
    """Write ``target`` with a copy of the sound, if it can be."""
    try:
        _write(pictures, audio, sound, target, on_pictures, copy=True)
    except (NotCopyable, BadInput):
        return False
    return True


def _write(
    pictures: _Pictures,
    audio: Path,
    sound: Sound,
    target: Path,
    on_pictures: OnPictures,
    *,
    copy: bool,
) -> None:
    with written(target) as draft:
        try:
            _mux(pictures, audio, sound, draft, on_pictures, copy=copy)
        except (FFmpegError, ValueError) as error:
            if not copy or getattr(error, "errno", None) in STORAGE_FAULTS:
                raise
            raise NotCopyable from error
        if copy and not is_as_long(measure(draft), sound.duration):
            raise NotCopyable


def _mux(
    pictures: _Pictures,
    audio: Path,
    sound: Sound,
    draft: Path,
    on_pictures: OnPictures,
    *,
    copy: bool,
) -> None:
    with ExitStack() as files:
        timescale = pictures.fps.numerator
        while timescale < 10_000:
            timescale *= 2
        options = {"movflags": "+faststart", "video_track_timescale": str(timescale)}
        target = files.enter_context(av.open(str(draft), "w", format="mp4", options=options))
        first = files.enter_context(opened(pictures.segments[0]))
        moving = target.add_stream_from_template(
            video_stream(first, pictures.segments[0]), opaque=True
        )
        if copy:
            source = files.enter_context(opened(audio))
            stream = audio_stream(source, audio)
            out = target.add_stream_from_template(stream)
            heard = copied(source, stream, out, sound)
        else:
            heard = encoded(audio, add_aac(target, sound))
        for packet in heapq.merge(
            counted(pictures.packets(moving), on_pictures),
            until(sound.duration, heard),
            key=_decoding_time,
        ):
            target.mux(packet)


def counted(
    given: Iterable["Packet[Stream]"], on_pictures: OnPictures
) -> Iterator["Packet[Stream]"]:
    """``given``, telling now and then how many have passed."""
    for count, packet in enumerate(given, 1):
        yield packet
        if count % TOLD_EVERY == 0:
            on_pictures(count)


def _decoding_time(packet: "Packet[Stream]") -> Fraction:
    return (packet.dts or 0) * (packet.time_base or Fraction(1))
