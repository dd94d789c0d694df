"""Decode a file's sound packet by packet; what cannot be decoded is silence of that length."""

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
"""Seconds between two frames that count as lost sound: less is a coarse clock, more a new one."""
MAX_CODEC_FRAME_SAMPLES = 2048
"""Samples in a block of HE-AAC, the longest of the usual codecs."""
TIMESTAMP_ROUNDING_SECONDS = Fraction(2, 1000)
"""Seconds that containers with millisecond clocks may lose at an edge."""


@dataclass(frozen=True, slots=True)
class AudioMeasurement:
    """The best audio stream of a file, decoded from end to end.

    ``start`` is the file's own time of the first audible sample, ``duration`` what can be heard
    from there; ``lost`` of its seconds could not be decoded. All in seconds.
    """

    codec: str
    sample_rate: int
    channels: int
    duration: Fraction
    lost_seconds: Fraction
    start: Fraction


def decode_audio(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame | Fraction]:
    """Decoded frames, and between them the seconds of what cannot be decoded or is not there."""
    end: Fraction | None = None
    for packet in read_packets(container, stream):
        try:
            decoded = stream.decode(packet)
        except FFmpegError:
            lost = _length(packet, stream)
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
    """Decode the whole sound of ``path``.

    Raises BadInput where there is none, or where more than 5 % of it cannot be decoded.
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
        announced = _announced(container, stream)
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
    """True if all of ``duration`` seconds is there, with at most the padding of a last block.

    Block codecs fill up their last block, and decoders do not always know by how much.
    """
    too_long = sound.duration - duration
    return (
        -TIMESTAMP_ROUNDING_SECONDS
        <= too_long
        <= Fraction(MAX_CODEC_FRAME_SAMPLES, sound.sample_rate)
    )


def with_mixable_layout(frame: AudioFrame) -> AudioFrame:
    """``frame`` with a channel layout that a resampler can mix.

    Channels without a known order are averaged to one here.
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


def _announced(container: InputContainer, stream: AudioStream) -> Fraction:
    alone = announced_seconds(container)
    if not alone or len(container.streams) == 1:
        return alone
    return (stream.duration or 0) * (stream.time_base or Fraction(0))


def _length(packet: "Packet[Stream]", stream: AudioStream) -> Fraction:
    return (packet.duration or 0) * (packet.time_base or stream.time_base or Fraction(0))
