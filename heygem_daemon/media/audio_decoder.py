"""Decode and measure the sound of a file, with the lengths of what cannot be decoded."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from av import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from heygem_daemon.errors import BadInput
from heygem_daemon.media.info import choose_audio_stream
from heygem_daemon.media.source import (
    REPLACE_FILE_HINT,
    TOLERATED_LOSS,
    announced_seconds,
    is_truncated,
    open_media,
    read_packets,
)

SHORTEST_GAP, LONGEST_GAP = Fraction(1, 20), Fraction(10)
"""Gap between two frames, in seconds, that counts as lost sound: a shorter one comes from a
coarse clock, a longer one from a new clock."""
MAX_CODEC_FRAME_SAMPLES = 2048
"""Samples in a block of HE-AAC, the longest of the usual codecs."""
TIMESTAMP_ROUNDING_SECONDS = Fraction(2, 1000)
"""What containers with millisecond clocks may lose at an edge."""


@dataclass(frozen=True, slots=True)
class AudioMeasurement:
    """The best audio stream of a file, decoded from end to end."""

    codec: str
    """FFmpeg's canonical name, such as 'aac'."""
    sample_rate: int
    """Samples per second and channel."""
    channels: int
    duration: Fraction
    """Seconds from the first audible sample to the end, lost ones included."""
    lost_seconds: Fraction
    """What of ``duration`` could not be decoded."""
    start: Fraction
    """Presentation time of the first audible sample in the file, in seconds."""


def decode_audio(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame | Fraction]:
    """Yield decoded frames, and between them the seconds that are missing or cannot be decoded."""
    end: Fraction | None = None
    for packet in read_packets(container, stream):
        try:
            decoded = stream.decode(packet)
        except FFmpegError:
            lost = _packet_seconds(packet, stream)
            end = None if end is None else end + lost
            yield lost
            continue
        for frame in decoded:
            begin = _time(frame) if frame.pts is not None else end
            if begin is not None and end is not None and SHORTEST_GAP < begin - end < LONGEST_GAP:
                yield begin - end
            end = begin if begin is None else begin + Fraction(frame.samples, frame.sample_rate)
            yield frame


def measure_audio(path: Path) -> AudioMeasurement:
    """Decode the whole sound of ``path`` and return its properties.

    Raises BadInput where there is no sound, where the file is truncated, or where more than 5 %
    of the sound cannot be decoded; EnvironmentFault where the file cannot be read.
    """
    total = lost = Fraction(0)
    start: Fraction | None = None
    with open_media(path) as container:
        stream = choose_audio_stream(container, path)
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        for piece in decode_audio(container, stream):
            if isinstance(piece, Fraction):
                lost += piece
            else:
                start = _time(piece) if start is None else start
                rate, channels = piece.sample_rate, piece.layout.nb_channels
                total += Fraction(piece.samples, piece.sample_rate)
        codec = stream.codec_context.codec.canonical_name
        announced = _announced_seconds(container, stream)
    if not total:
        raise BadInput(f"No sound of {path.name} can be decoded ({codec}).", REPLACE_FILE_HINT)
    if is_truncated(total + lost, announced):
        raise BadInput(
            f"{path.name} is truncated: its sound ends after {float(total + lost):.1f} of "
            f"{float(announced):.1f} seconds.",
            REPLACE_FILE_HINT,
        )
    if lost > (total + lost) * TOLERATED_LOSS:
        raise BadInput(
            f"{path.name} is damaged: {float(lost):.1f} of {float(total + lost):.1f} seconds "
            "of its sound cannot be decoded.",
            REPLACE_FILE_HINT,
        )
    return AudioMeasurement(codec, rate, channels, total + lost, lost, start or Fraction(0))


def has_duration(sound: AudioMeasurement, duration: Fraction) -> bool:
    """Whether the sound lasts ``duration`` seconds, give or take the padding of the last block.

    Block codecs fill up their last block, and decoders do not always know by how much.
    """
    excess = sound.duration - duration
    return (
        -TIMESTAMP_ROUNDING_SECONDS
        <= excess
        <= Fraction(MAX_CODEC_FRAME_SAMPLES, sound.sample_rate)
    )


def with_mixable_layout(frame: AudioFrame) -> AudioFrame:
    """Return ``frame`` with a channel layout that a resampler can mix.

    Channels without a known order are averaged to one.
    """
    if "channels" not in frame.layout.name:
        return frame
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    mixed = np.ascontiguousarray(samples.mean(axis=0, keepdims=True).astype(samples.dtype))
    out = AudioFrame.from_ndarray(mixed, format=frame.format.packed.name, layout="mono")
    out.sample_rate = frame.sample_rate
    return out


def _time(frame: AudioFrame) -> Fraction:
    return (frame.pts or 0) * (frame.time_base or Fraction(0))


def _announced_seconds(container: InputContainer, stream: AudioStream) -> Fraction:
    """Length of the stream that the file states; 0 where it states none that can be relied on."""
    of_container = announced_seconds(container)
    if not of_container or len(container.streams) == 1:
        return of_container
    return (stream.duration or 0) * (stream.time_base or Fraction(0))


def _packet_seconds(packet: "Packet[Stream]", stream: AudioStream) -> Fraction:
    return (packet.duration or 0) * (packet.time_base or stream.time_base or Fraction(0))
