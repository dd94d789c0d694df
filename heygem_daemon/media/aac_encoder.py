"""Encode sound as AAC without changing its level.

FFmpeg's encoder makes every block quieter that comes within 5 % of full scale (``aacenc.c``, clip
avoidance), and its fast coder cuts what is loud and tonal: speech that was normalized loses up to
0.8 dB, tones 1.5 dB. So each channel is encoded for itself, at a half (a quarter …) of its level,
and the gain in the coded blocks is raised by the same factor. Then the channels are joined.

It also rounds down: noise loses 0.1 to 0.4 dB, evenly over its frequencies. A trial with parts of
the sound shows how much that is in each channel, and the channel is encoded that much louder.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import numpy as np
from av import AudioFrame, AudioLayout, CodecContext
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

from heygem_daemon.media.aac_blocks import elements, join_channels
from heygem_daemon.media.samples import Samples, packed_frame, silence
from heygem_daemon.media.spectrum import PowerSpectrum, level_kept

# Without the encoder's name, a block begins with its channel.
OPTIONS = {"aac_coder": "fast", "flags": "+bitexact"}
"""Up to the peak ``LOUD``, the fast coder keeps tones within 0.01 dB."""
LOUD = 0.3
"""Peak up to which the encoder changes no level, with some room for what resampling adds."""
GAIN_STEPS_PER_HALVING = 4
"""``global_gain`` counts in quarters of a power of two."""
LOW_BITS_PER_SECOND = 15_000
"""What a channel of low frequencies takes at most."""
MOST_BITS_PER_BLOCK, SAMPLES_PER_BLOCK = 6144, 1024
"""The most that AAC allows for a channel (ISO/IEC 14496-3, 4.5.3.3)."""
TRIED_WHOLE = 10
"""Seconds from the start of a sound that the trial takes."""
TRIED_PART, TRIAL_PERIOD = 0.5, 1.5
"""After these, the trial takes 0.5 of every 1.5 seconds. It costs a third of the encoding."""
TRIAL_END = 16 * SAMPLES_PER_BLOCK
"""Silence after the trial, which pushes all of its sound out of the encoder."""
MOST_CORRECTION = 10 ** (1 / 20)
"""Factor: 1 dB. What the encoder loses is less; more is not its rounding."""

ReadBlocks = Callable[[], Iterable[Samples]]
"""Yields the (channels, n) samples of a sound from its start, each time anew."""


@dataclass(frozen=True, slots=True)
class AacForm:
    """What the AAC of a sound is like."""

    rate: int
    layout: str
    """One of ``aac_blocks.ELEMENTS``."""
    bits_per_second: int
    """For all channels."""
    peak: float
    """Largest absolute value of the sound; full scale is 1."""
    silent: frozenset[int] = frozenset()
    """Indices of channels that hold nothing, and need no bits."""

    @property
    def halvings(self) -> int:
        """How often the sound must be halved so that the encoder does not change it."""
        return max(0, math.ceil(math.log2(self.peak / LOUD))) if self.peak > 0 else 0

    @property
    def low_channels(self) -> frozenset[int]:
        """Indices of the channels of which AAC keeps low frequencies alone."""
        return frozenset(each.channels[0] for each in elements(self.layout) if each.is_low)

    @property
    def channels(self) -> int:
        return int(AudioLayout(self.layout).nb_channels)

    def channel_bits(self) -> int:
        """Return the bits a second of a channel: those that hold sound share all that there are."""
        whole = set(range(self.channels)) - self.low_channels
        shared = self.bits_per_second - LOW_BITS_PER_SECOND * len(self.low_channels)
        most = MOST_BITS_PER_BLOCK * self.rate // SAMPLES_PER_BLOCK
        return min(most, shared // len(whole - self.silent or whole))


def encode_blocks(read: ReadBlocks, out: AudioStream, form: AacForm) -> Iterator["Packet[Stream]"]:
    """Yield a sound, at the rate and with the layout of ``out``, as its packets."""
    factors = np.float32(0.5**form.halvings) * find_corrections(read(), form)[:, None]
    encoders = _ChannelEncoders(form)
    steps = form.halvings * GAIN_STEPS_PER_HALVING
    for samples in read():
        yield from _join_packets(encoders.encode(samples * factors), out, form.layout, steps)
    yield from _join_packets(encoders.finish(), out, form.layout, steps)


def find_corrections(blocks: Iterable[Samples], form: AacForm) -> Samples:
    """Return the factor for each channel that makes up for what the encoder rounds down."""
    encoders, factor = _ChannelEncoders(form), np.float32(0.5**form.halvings)
    decoders = [_decoder(context) for context in encoders.contexts]
    before = [PowerSpectrum() for _ in decoders]
    after = [PowerSpectrum(skip=SAMPLES_PER_BLOCK) for _ in decoders]
    for samples in chain(_parts(blocks, form.rate), [silence(form.channels, TRIAL_END)]):
        for spectrum, channel in zip(before, samples * factor, strict=True):
            spectrum.add(channel)
        for decoder, spectrum, packets in zip(
            decoders, after, encoders.encode(samples * factor), strict=True
        ):
            for packet in packets:
                for frame in decoder.decode(Packet(bytes(packet))):
                    spectrum.add(frame.to_ndarray()[-1])
    kept = [level_kept(*each) for each in zip(before, after, strict=True)]
    return np.clip(1 / np.sqrt(kept), 1 / MOST_CORRECTION, MOST_CORRECTION).astype(np.float32)


def _parts(blocks: Iterable[Samples], rate: int) -> Iterator[Samples]:
    """Yield the blocks that the trial takes, by the time of their start."""
    position = 0
    for samples in blocks:
        seconds = position / rate
        if seconds < TRIED_WHOLE or seconds % TRIAL_PERIOD < TRIED_PART:
            yield samples
        position += samples.shape[1]


class _ChannelEncoders:
    """An encoder for each channel. Between two calls they hold the same number of samples."""

    def __init__(self, form: AacForm) -> None:
        self._rate = form.rate
        self._low = form.low_channels
        self._position = 0
        bits = form.channel_bits()
        self.contexts = [
            _encoder(form.rate, "2.1" if channel in self._low else "mono", bits)
            for channel in range(form.channels)
        ]

    def encode(self, samples: Samples) -> list[list["Packet[Stream]"]]:
        """Return the packets of each channel that (channels, n) samples complete."""
        if not samples.shape[1]:
            return [[] for _ in self.contexts]
        packets = []
        for index, (context, channel) in enumerate(zip(self.contexts, samples, strict=True)):
            frame = self._frame(channel[None], is_low=index in self._low)
            frame.pts, frame.time_base = self._position, Fraction(1, self._rate)
            packets.append(context.encode(frame))
        self._position += samples.shape[1]
        return packets

    def finish(self) -> list[list["Packet[Stream]"]]:
        """Return the last packets of each channel."""
        return [context.encode(None) for context in self.contexts]

    def _frame(self, channel: Samples, *, is_low: bool) -> AudioFrame:
        if not is_low:
            return packed_frame(channel, self._rate, "mono")
        return packed_frame(
            np.concatenate([silence(2, channel.shape[1]), channel]), self._rate, "2.1"
        )


def _encoder(rate: int, layout: str, bits_per_channel: int) -> AudioCodecContext:
    encoder = CodecContext.create("aac", "w")
    if not isinstance(encoder, AudioCodecContext):
        raise TypeError("aac is not a sound codec")
    encoder.sample_rate = rate
    encoder.layout = layout
    encoder.format = "fltp"
    encoder.bit_rate = bits_per_channel * AudioLayout(layout).nb_channels
    encoder.options = OPTIONS
    encoder.open()
    return encoder


def _decoder(encoder: AudioCodecContext) -> AudioCodecContext:
    """Return a decoder of what ``encoder`` makes."""
    decoder = CodecContext.create("aac", "r")
    if not isinstance(decoder, AudioCodecContext):
        raise TypeError("aac is not a sound codec")
    decoder.extradata = encoder.extradata
    return decoder


def _join_packets(
    packets: Sequence[list["Packet[Stream]"]], out: AudioStream, layout: str, gain_steps: int
) -> Iterator["Packet[Stream]"]:
    for together in zip(*packets, strict=True):
        first = together[0]
        block = join_channels([bytes(each) for each in together], layout, gain_steps)
        packet: Packet[Stream] = Packet(block)
        packet.pts, packet.dts, packet.duration = first.pts, first.dts, first.duration
        packet.time_base, packet.is_keyframe = first.time_base, True
        packet.stream = out
        yield packet
