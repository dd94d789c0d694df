"""The sound of a result: packets of the original, or an AAC encoding of it."""

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
"""Codecs that an MP4 may carry, and players play from it."""
AAC_BITS_PER_SECOND = 192_000


def is_copyable(sound: AudioMeasurement) -> bool:
    """True where the packets can go into an MP4 as they are: a known codec, and no damage."""
    return sound.codec in COPYABLE and not sound.lost_seconds


def copy_packets(
    container: InputContainer, stream: AudioStream, out: AudioStream, sound: AudioMeasurement
) -> Iterator["Packet[Stream]"]:
    """The packets of ``stream`` for ``out``, timed so that the first audible sample is at 0.

    What comes before it (the encoder's priming) gets times below 0, which the muxer hides by an
    edit list.
    """
    start = round(sound.start / (stream.time_base or Fraction(1, sound.sample_rate)))
    for packet in read_packets(container, stream):
        if packet.size and packet.pts is not None:
            packet.pts -= start
            packet.dts = packet.pts
            packet.stream = out
            yield packet


def trim_packets(end: Fraction, given: Iterable["Packet[Stream]"]) -> Iterator["Packet[Stream]"]:
    """``given`` as far as ``end`` seconds, the last packet cut there.

    The muxer writes the cut into the edit list: a player drops the padding of the last block.
    """
    held: Packet[Stream] | None = None
    for packet in given:
        if (packet.pts or 0) * _base(packet) >= end:
            continue
        if held is not None:
            yield held
        held = packet
    if held is not None:
        held.duration = round(end / _base(held)) - (held.pts or 0)
        yield held


def add_aac(target: OutputContainer, sound: AudioMeasurement) -> AudioStream:
    """A stream for ``encoded``: 192 kbit/s, mono or stereo, at 44.1 or 48 kHz.

    Lower rates would make the padding of the last block long enough to be heard as a delay.
    """
    rate = 44_100 if sound.sample_rate % 11_025 == 0 else 48_000
    layout = "mono" if sound.channels == 1 else "stereo"
    return target.add_stream("aac", rate=rate, layout=layout, bit_rate=AAC_BITS_PER_SECOND)


def encode_aac(path: Path, out: AudioStream) -> Iterator["Packet[Stream]"]:
    """The sound of ``path`` as AAC packets for ``out``."""
    rate, given = out.codec_context.sample_rate, 0
    layout: ChannelLayout = "mono" if out.codec_context.channels == 1 else "stereo"
    for samples in resample(path, rate, layout):
        if not samples.shape[1]:
            continue
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, given, Fraction(1, rate)
        given += samples.shape[1]
        yield from out.encode(frame)
    yield from out.encode(None)


def encode_ahead(path: Path, target: Path, is_wanted: Callable[[], bool]) -> None:
    """Write ``target``: the AAC that ``encoded`` makes of the sound of ``path``, if it cannot be
    copied. Once ``is_wanted`` is false no more is done, and nothing is left behind."""
    sound = measure_audio(path)
    if is_copyable(sound):
        return
    with (
        suppress(EncodingCancelled),
        atomic_output(target) as draft,
        av.open(str(draft), "w", format="mp4") as out,
    ):
        for packet in encode_aac(path, add_aac(out, sound)):
            if not is_wanted():
                raise EncodingCancelled
            out.mux(packet)


class EncodingCancelled(Exception):
    """Nobody waits for it any more."""


def _base(packet: "Packet[Stream]") -> Fraction:
    return packet.time_base or Fraction(1)
