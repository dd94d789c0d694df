"""Encode sound as AAC without changing its level.

FFmpeg's encoder makes every block quieter that comes within 5 % of full scale (``aacenc.c``, clip
avoidance), and its fast coder cuts what is loud and tonal: speech that was normalized loses up to
0.8 dB, tones 1.5 dB. So each channel of mono and stereo sound is encoded for itself, at a half (a
quarter …) of its level, and the gain in the coded blocks is raised by the same factor. Then the
channels are joined to blocks of two. The syntax of blocks: ISO/IEC 14496-3, 4.4.2.
"""

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av import AudioFrame
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

from heygem_daemon.media.samples import Samples, packed_frame

FAST, THOROUGH = {"aac_coder": "fast"}, {"aac_coder": "twoloop"}
"""Options of the encoder. Up to the peak ``LOUD``, the fast coder keeps tones within 0.01 dB. The
thorough one is up to 0.5 dB off at 320 kbit/s and six channels, but at any peak."""
LOUD = 0.3
"""Peak up to which the encoder changes no level, with some room for what resampling adds."""
GAIN_STEPS_PER_HALVING = 4
"""``global_gain`` counts in quarters of a power of two."""
SINGLE, PAIR, END = 0b000, 0b001, 0b111
"""Names of the elements of a raw block, 3 bits: one channel, two channels, end."""


def halvings(peak: float) -> int:
    """Return how often a sound must be halved so that the encoder does not change it."""
    return max(0, math.ceil(math.log2(peak / LOUD))) if peak > 0 else 0


def encoder_options(peak: float) -> dict[str, str]:
    """Return the options for a stream of ``encode_blocks`` of a sound with this peak."""
    return FAST if peak <= LOUD else THOROUGH


def encode_blocks(
    blocks: Iterable[Samples], out: AudioStream, peak: float
) -> Iterator["Packet[Stream]"]:
    """Yield (channels, n) samples at the rate of ``out`` as its packets.

    ``peak``: largest absolute value of the sound.
    """
    if out.codec_context.channels <= 2:
        yield from _encode_each_channel(blocks, out, halvings(peak))
        return
    for frame in _frames(blocks, out.codec_context.sample_rate, out.codec_context.layout.name):
        yield from out.encode(frame)
    yield from out.encode(None)


def _frames(blocks: Iterable[Samples], rate: int, layout: str) -> Iterator[AudioFrame]:
    position = 0
    for samples in blocks:
        if samples.shape[1]:
            frame = packed_frame(samples, rate, layout)
            frame.pts, frame.time_base = position, Fraction(1, rate)
            position += samples.shape[1]
            yield frame


def _encode_each_channel(
    blocks: Iterable[Samples], out: AudioStream, count: int
) -> Iterator["Packet[Stream]"]:
    """Encode at 2^-``count`` of the level, and raise the gain of the coded blocks again."""
    rate, channels = out.codec_context.sample_rate, out.codec_context.channels
    encoders = [_channel_encoder(out) for _ in range(channels)]
    position = 0
    for samples in blocks:
        if not samples.shape[1]:
            continue
        packets = []
        for encoder, channel in zip(encoders, samples * 0.5**count, strict=True):
            frame = packed_frame(channel[None], rate, "mono")
            frame.pts, frame.time_base = position, Fraction(1, rate)
            packets.append(encoder.encode(frame))
        position += samples.shape[1]
        yield from _join_packets(packets, out, count)
    yield from _join_packets([encoder.encode(None) for encoder in encoders], out, count)


def _channel_encoder(out: AudioStream) -> AudioCodecContext:
    """Return an encoder for one of the channels of ``out``, with its share of the bits."""
    encoder = av.CodecContext.create("aac", "w")
    if not isinstance(encoder, AudioCodecContext):
        raise TypeError("aac is not a sound codec")
    encoder.sample_rate = out.codec_context.sample_rate
    encoder.layout = "mono"
    encoder.format = "fltp"
    encoder.bit_rate = (out.codec_context.bit_rate or 0) // out.codec_context.channels
    # Without the encoder's name, a block begins with its channel.
    encoder.options = {**FAST, "flags": "+bitexact"}
    return encoder


def _join_packets(
    packets: list[list["Packet[Stream]"]], out: AudioStream, count: int
) -> Iterator["Packet[Stream]"]:
    for together in zip(*packets, strict=True):
        first = together[0]
        block = join_channels([bytes(each) for each in together], count * GAIN_STEPS_PER_HALVING)
        packet: Packet[Stream] = Packet(block)
        packet.pts, packet.dts, packet.duration = first.pts, first.dts, first.duration
        packet.time_base, packet.is_keyframe = first.time_base, True
        packet.stream = out
        yield packet


def join_channels(blocks: list[bytes], gain_steps: int) -> bytes:
    """Return one raw AAC block of one or two raw blocks of one channel each, ``gain_steps`` louder.

    A step is 2^¼. Raises ValueError for blocks that are not as FFmpeg's encoder writes them.
    """
    channels = [_raise_gain(*_channel_bits(block), gain_steps) for block in blocks]
    # A pair: name, tag, and that the two channels have nothing in common. A single: name and tag.
    joined, length = (PAIR << 5, 8) if len(blocks) == 2 else (SINGLE << 4, 7)
    for bits, count in [*channels, (END, 3)]:
        joined, length = joined << count | bits, length + count
    padding = -length % 8
    return (joined << padding).to_bytes((length + padding) // 8, "big")


def _channel_bits(block: bytes) -> tuple[int, int]:
    """Return the channel's part of a block that holds nothing else: its bits, and how many."""
    value, length = int.from_bytes(block, "big"), 8 * len(block)
    padding = (value & -value).bit_length() - 1
    if value >> (length - 7) != SINGLE << 4 or value >> padding & 7 != END or padding > 7:
        raise ValueError("not an AAC block of one channel alone")
    count = length - 7 - 3 - padding
    return value >> (padding + 3) & (1 << count) - 1, count


def _raise_gain(bits: int, count: int, steps: int) -> tuple[int, int]:
    """Raise ``global_gain``, the first 8 bits."""
    gain = bits >> (count - 8)
    return bits + ((min(255, gain + steps) - gain) << (count - 8)), count
