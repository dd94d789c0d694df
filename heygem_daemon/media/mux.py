"""Join encoded segments and the original sound to one file, without encoding pictures again."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from heygem_daemon.errors import BadInput
from heygem_daemon.media.atomic_output import STORAGE_ERRNOS, atomic_output
from heygem_daemon.media.audio_decoder import open_sound
from heygem_daemon.media.audio_measurement import AudioMeasurement, has_duration, measure_audio
from heygem_daemon.media.audio_track import (
    COMPATIBLE,
    TrackOptions,
    add_encoded,
    copy_packets,
    delay_packets,
    encode,
    is_copyable,
    trim_packets,
)
from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.info import choose_video_stream
from heygem_daemon.media.pcm_encoder import PCM_FLOAT
from heygem_daemon.media.rational import as_fraction
from heygem_daemon.media.source import open_media, read_packets
from heygem_daemon.media.video_codecs import tag_of

REPORT_INTERVAL_PICTURES = 250
"""Pictures between two reports of progress."""

PCM_STEP = 1 / 32768
"""A step of 16 bits; full scale is 1."""
RESAMPLED_PEAK = 2.0
"""Factor within which another sampling rate leaves the peak of a sound."""

OnPictures = Callable[[int], None]


class AudioNotCopyable(Exception):
    """An MP4 cannot hold the sound as it is."""


def mux_segments(
    segments: Sequence[Path],
    audio: Path,
    target: Path,
    fps: Fraction,
    frames: int,
    duration: Fraction,
    on_pictures: OnPictures = lambda _count: None,
    track: TrackOptions = COMPATIBLE,
) -> str:
    """Write ``target``: the pictures of ``segments`` in order, and the sound of ``audio``.

    Picture i is shown at exactly i / ``fps``; there must be ``frames`` of them. The sound begins
    with the pictures, or ``track.delay`` later, and lasts ``duration`` seconds. It is a stream copy
    where ``track`` allows it, else AAC, or PCM, with the same channels. The AAC is copied from
    ``track.encoded_ahead`` if ``encode_ahead`` has made that file. ``target`` is an MP4, or a
    QuickTime file where its suffix is .mov; its index lies at its front.

    ``on_pictures`` is called with the number of pictures written so far, once in
    ``REPORT_INTERVAL_PICTURES``: encoding the sound of a long result takes many minutes.

    Returns what was done with the sound, such as 'aac (copied)'. Raises SpoolUnavailable where the
    disk is full, ValueError where the segments do not fit together.
    """
    pictures = _SegmentPackets(segments, fps, track.guard)
    if len(pictures) != frames:
        raise ValueError(f"the segments hold {len(pictures)} pictures, not {frames}")
    sound = measure_audio(audio, track.guard)
    if not has_duration(sound, duration):
        raise ValueError(f"the sound is {sound.duration} s long, not {duration} s")
    copies = is_copyable(sound, track)
    if copies and _try_stream_copy(pictures, audio, sound, target, on_pictures, track):
        return f"{sound.codec} (copied)"
    description = f"{'pcm' if track.is_pcm else 'aac'} (encoded from {sound.codec})"
    if track.encoded_ahead is not None and track.encoded_ahead.exists():
        prepared = replace(sound, start=Fraction(0))
        is_copied = _try_stream_copy(
            pictures, track.encoded_ahead, prepared, target, on_pictures, track
        )
        if is_copied and _is_as_source(target, sound, track):
            return description
    _write(pictures, audio, sound, target, on_pictures, track, copy=False)
    if not _is_as_source(target, sound, track):
        raise ValueError("the PCM has another rate, number of channels or level than its source")
    return description


def _is_as_source(target: Path, sound: AudioMeasurement, track: TrackOptions) -> bool:
    """Whether PCM in ``target`` has its source's rate, channels and level; True for AAC."""
    if not track.is_pcm:
        return True
    found = measure_audio(target, track.guard)
    is_same = (found.sample_rate, found.channels) == (sound.sample_rate, sound.channels)
    return is_same and found.codec.startswith("pcm_") and _has_level(found, sound, track)


def _has_level(found: AudioMeasurement, sound: AudioMeasurement, track: TrackOptions) -> bool:
    if track.loudness is not None:
        return True
    peak = sound.peak if found.codec == PCM_FLOAT else min(1, sound.peak)
    if sound.formats == 1:
        return abs(found.peak - peak) <= PCM_STEP
    # Parts were resampled, which moves their peaks.
    return peak / RESAMPLED_PEAK - PCM_STEP <= found.peak <= peak * RESAMPLED_PEAK + PCM_STEP


class _SegmentPackets:
    """The packets of all segments, with timestamps in frames of the whole result."""

    def __init__(self, segments: Sequence[Path], fps: Fraction, guard: MediaGuard) -> None:
        """Read the timestamps of all packets. Raises ValueError where a picture is missing or
        double, or where the segments were encoded with different parameters."""
        self.segments = segments
        self.fps = fps
        self.guard = guard
        self._presentation_numbers: list[int] = []
        """Presentation number of each packet, in decoding order."""
        headers = set()
        for segment in segments:
            with open_media(segment) as container:
                stream = choose_video_stream(container, segment)
                headers.add(stream.codec_context.extradata)
                first = len(self._presentation_numbers)
                self._presentation_numbers += [
                    first + self._number(packet, stream)
                    for packet in read_packets(container, stream)
                    if self._is_picture(packet)
                ]
        if len(headers) > 1:
            raise ValueError("the segments were encoded with different parameters")
        if sorted(self._presentation_numbers) != list(range(len(self._presentation_numbers))):
            raise ValueError("the segments do not hold each picture once")
        self._delay = max(
            (decoded - shown for decoded, shown in enumerate(self._presentation_numbers)), default=0
        )
        """Frames by which decoding must precede presentation, so that none is shown too early."""

    def __len__(self) -> int:
        return len(self._presentation_numbers)

    def packets(self, out: VideoStream) -> Iterator["Packet[Stream]"]:
        """Yield all packets in decoding order, for the stream ``out``."""
        number = 0
        for segment in self.segments:
            with open_media(segment) as container:
                for packet in read_packets(container, choose_video_stream(container, segment)):
                    if not self._is_picture(packet):
                        continue
                    packet.time_base = 1 / self.fps
                    packet.pts, packet.dts = (
                        self._presentation_numbers[number],
                        number - self._delay,
                    )
                    packet.duration = 1
                    packet.stream = out
                    number += 1
                    yield packet

    def _is_picture(self, packet: "Packet[Stream]") -> bool:
        self.guard.step()
        return bool(packet.size)

    def _number(self, packet: "Packet[Stream]", stream: VideoStream) -> int:
        return round((packet.pts or 0) * as_fraction(stream.time_base, Fraction(1)) * self.fps)


def _try_stream_copy(
    pictures: _SegmentPackets,
    audio: Path,
    sound: AudioMeasurement,
    target: Path,
    on_pictures: OnPictures,
    track: TrackOptions,
) -> bool:
    """Write ``target`` with a copy of the sound; return False where MP4 cannot hold it."""
    try:
        _write(pictures, audio, sound, target, on_pictures, track, copy=True)
    except (AudioNotCopyable, BadInput):
        return False
    return True


def _write(
    pictures: _SegmentPackets,
    audio: Path,
    sound: AudioMeasurement,
    target: Path,
    on_pictures: OnPictures,
    track: TrackOptions,
    *,
    copy: bool,
) -> None:
    with atomic_output(target) as temporary:
        try:
            _mux(pictures, audio, sound, temporary, on_pictures, track, copy=copy)
        except (FFmpegError, ValueError) as error:
            if not copy or getattr(error, "errno", None) in STORAGE_ERRNOS:
                raise
            raise AudioNotCopyable from error
        if copy and not has_duration(measure_audio(temporary, pictures.guard), sound.duration):
            raise AudioNotCopyable


def _mux(
    pictures: _SegmentPackets,
    audio: Path,
    sound: AudioMeasurement,
    path: Path,
    on_pictures: OnPictures,
    track: TrackOptions,
    *,
    copy: bool,
) -> None:
    with ExitStack() as files:
        container = "mov" if path.suffix == ".mov" else "mp4"
        # Without use_metadata_tags FFmpeg drops the tags that it does not know.
        options = {
            "movflags": "+faststart+use_metadata_tags",
            "video_track_timescale": _timescale(pictures.fps),
        }
        target = files.enter_context(av.open(str(path), "w", format=container, options=options))
        target.metadata.update(track.tags)
        video_out = _add_pictures(
            target, files.enter_context(open_media(pictures.segments[0])), pictures.segments[0]
        )
        if copy:
            source = files.enter_context(open_sound(audio))
            out = target.add_stream_from_template(source.stream)
            audio_packets = copy_packets(source, out, sound)
        else:
            audio_packets = encode(audio, add_encoded(target, audio, sound, track), sound, track)
        for packet in heapq.merge(
            count_packets(pictures.packets(video_out), on_pictures),
            delay_packets(track.delay, trim_packets(sound.duration, audio_packets)),
            key=_decoding_time,
        ):
            target.mux(packet)


def _add_pictures(target: OutputContainer, segment: InputContainer, path: Path) -> VideoStream:
    """Add a stream for packets like those of ``segment``, which is open; ``path`` is its file."""
    template = choose_video_stream(segment, path)
    out = target.add_stream_from_template(template, opaque=True)
    context = out.codec_context
    # PyAV forgets the code of the template, and a shape of pixels that the container alone gives.
    if (tag := tag_of(context.codec.canonical_name)) is not None:
        context.codec_tag = tag
    context.sample_aspect_ratio = template.sample_aspect_ratio
    return out


def _timescale(fps: Fraction) -> str:
    """Ticks per second in which each frame's time is a whole number, at least 10,000."""
    timescale = fps.numerator
    while timescale < 10_000:
        timescale *= 2
    return str(timescale)


def count_packets(
    packets: Iterable["Packet[Stream]"], on_pictures: OnPictures
) -> Iterator["Packet[Stream]"]:
    """Yield ``packets``; report their number once in ``REPORT_INTERVAL_PICTURES``."""
    for count, packet in enumerate(packets, 1):
        yield packet
        if count % REPORT_INTERVAL_PICTURES == 0:
            on_pictures(count)


def _decoding_time(packet: "Packet[Stream]") -> Fraction:
    return (packet.dts or 0) * as_fraction(packet.time_base, Fraction(1))
