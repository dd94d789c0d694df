"""Make the sound track of a result: a copy of the original packets, or AAC."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from heygem_daemon.media.atomic_output import atomic_output
from heygem_daemon.media.audio_decoder import AudioMeasurement, measure_audio
from heygem_daemon.media.resample import ChannelLayout, resample
from heygem_daemon.media.source import read_packets

COPYABLE = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
"""Codecs that MP4 allows and that players play from it."""
AAC_BITS_PER_SECOND = 192_000


class EncodingCancelled(Exception):
    """The encoding was stopped because its result is no longer needed."""


def is_copyable(sound: AudioMeasurement) -> bool:
    """Whether an MP4 can hold the packets as they are: a codec of ``COPYABLE``, no damage."""
    return sound.codec in COPYABLE and not sound.lost_seconds


def copy_packets(
    container: InputContainer, stream: AudioStream, out: AudioStream, sound: AudioMeasurement
) -> Iterator["Packet[Stream]"]:
    """Yield the packets of ``stream`` for ``out``, with the first audible sample at time 0.

    What comes before it (the encoder's priming) gets times below 0, which the muxer hides with
    an edit list.
    """
    start = round(sound.start / (stream.time_base or Fraction(1, sound.sample_rate)))
    for packet in read_packets(container, stream):
        if packet.size and packet.pts is not None:
            packet.pts -= start
            packet.dts = packet.pts
            packet.stream = out
            yield packet


def trim_packets(end: Fraction, packets: Iterable["Packet[Stream]"]) -> Iterator["Packet[Stream]"]:
    """Yield ``packets`` up to ``end`` seconds, with the duration of the last one cut to end there.

    The muxer writes the cut into the edit list, so that players drop the padding of the last
    block.
    """
    last: Packet[Stream] | None = None
    for packet in packets:
        if (packet.pts or 0) * _time_base(packet) >= end:
            continue
        if last is not None:
            yield last
        last = packet
    if last is not None:
        last.duration = round(end / _time_base(last)) - (last.pts or 0)
        yield last


def add_aac(target: OutputContainer, sound: AudioMeasurement) -> AudioStream:
    """Add a stream for ``encode_aac``: 192 kbit/s, mono or stereo, at 44.1 or 48 kHz.

    At lower sampling rates the padding of the last block would be long enough to be heard as a
    delay.
    """
    rate = 44_100 if sound.sample_rate % 11_025 == 0 else 48_000
    layout = "mono" if sound.channels == 1 else "stereo"
    return target.add_stream("aac", rate=rate, layout=layout, bit_rate=AAC_BITS_PER_SECOND)


def encode_aac(path: Path, out: AudioStream) -> Iterator["Packet[Stream]"]:
    """Yield the sound of ``path`` as AAC packets for ``out``.

    Raises BadInput or EnvironmentFault.
    """
    rate, position = out.codec_context.sample_rate, 0
    layout: ChannelLayout = "mono" if out.codec_context.channels == 1 else "stereo"
    for samples in resample(path, rate, layout):
        if not samples.shape[1]:
            continue
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, position, Fraction(1, rate)
        position += samples.shape[1]
        yield from out.encode(frame)
    yield from out.encode(None)


def encode_ahead(path: Path, target: Path, is_wanted: Callable[[], bool]) -> None:
    """Encode the sound of ``path`` to AAC in ``target``, unless its packets can be copied.

    Stops and leaves nothing behind once ``is_wanted`` returns False.
    """
    sound = measure_audio(path)
    if is_copyable(sound):
        return
    with (
        suppress(EncodingCancelled),
        atomic_output(target) as temporary,
        av.open(str(temporary), "w", format="mp4") as out,
    ):
        for packet in encode_aac(path, add_aac(out, sound)):
            if not is_wanted():
                raise EncodingCancelled
            out.mux(packet)


def _time_base(packet: "Packet[Stream]") -> Fraction:
    return packet.time_base or Fraction(1)
