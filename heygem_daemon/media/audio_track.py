"""Make the sound track of a result: a copy of the original packets, or AAC."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from heygem_daemon.config.choices import AudioHandling
from heygem_daemon.media.aac_encoder import encode_blocks, encoder_options
from heygem_daemon.media.atomic_output import atomic_output
from heygem_daemon.media.audio_decoder import OpenSound
from heygem_daemon.media.audio_measurement import AudioMeasurement, measure_audio
from heygem_daemon.media.channel_layout import aac_layout
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.rational import as_fraction
from heygem_daemon.media.resample import keep_channels, mean_or_channel, resample
from heygem_daemon.media.source import read_packets

HELD_BY_MP4 = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
"""Codecs that MP4 allows and that some players play from it."""
PLAYABLE_PROFILES = frozenset({None, "LC", "HE-AAC", "HE-AACv2"})
"""Profiles of AAC that every player plays. None: not known, as in many MP4 headers."""
STEREO_BITS_PER_SECOND = 192_000
SURROUND_BITS_PER_SECOND = 320_000
BITS_PER_SECOND_AND_CHANNEL = 64_000
"""For more than six channels."""


@dataclass(frozen=True, slots=True)
class TrackOptions:
    """How the sound track of a result is made."""

    handling: AudioHandling = "compatible"
    encoded_ahead: Path | None = None
    """Where ``encode_ahead`` may have put the sound."""
    guard: MediaGuard = NO_LIMITS
    """Its step is called for everything that is read."""


COMPATIBLE = TrackOptions()


class EncodingCancelled(Exception):
    """The encoding was stopped because its result is no longer needed."""


def is_copyable(sound: AudioMeasurement, handling: AudioHandling = "compatible") -> bool:
    """Whether the packets of a sound can be published as they are.

    It must be intact, and of a codec that every player plays inside MP4 (AAC); with 'copy', of one
    that MP4 can hold.
    """
    if not sound.is_intact:
        return False
    if handling == "copy":
        return sound.codec in HELD_BY_MP4
    return sound.codec == "aac" and sound.profile in PLAYABLE_PROFILES


def copy_packets(
    source: OpenSound, out: AudioStream, sound: AudioMeasurement
) -> Iterator["Packet[Stream]"]:
    """Yield the packets of ``source`` for ``out``, with the first audible sample at time 0.

    What comes before it (the encoder's priming) gets times below 0, which the muxer hides with
    an edit list.
    """
    start = round(sound.start / (source.stream.time_base or Fraction(1, sound.sample_rate)))
    for packet in read_packets(source.container, source.stream):
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
    """Add a stream for ``encode_aac``: the channels of ``sound``, at 44.1 or 48 kHz.

    At lower sampling rates the padding of the last block would be long enough to be heard as a
    delay.
    """
    rate = 44_100 if sound.sample_rate % 11_025 == 0 else 48_000
    layout = published_layout(sound) or "mono"
    channels = av.AudioLayout(layout).nb_channels
    options = encoder_options(sound.peak)
    return target.add_stream(
        "aac", rate=rate, layout=layout, bit_rate=_bit_rate(channels), options=options
    )


def published_layout(sound: AudioMeasurement) -> str | None:
    """Return the layout in which AAC holds all channels; None: the voice is published alone."""
    return aac_layout(sound.layout, sound.channels, sound.full_range_lfe)


def encode_aac(
    path: Path, out: AudioStream, sound: AudioMeasurement, guard: MediaGuard = NO_LIMITS
) -> Iterator["Packet[Stream]"]:
    """Yield the sound of ``path`` as AAC packets for ``out``, a stream of ``add_aac``.

    Raises BadInput or EnvironmentFault.
    """
    channels = out.codec_context.channels
    keeps_all = published_layout(sound) is not None
    select = keep_channels(channels) if keeps_all else mean_or_channel(sound.voice_channel)
    blocks = resample(path, out.codec_context.sample_rate, channels, select, guard)
    return encode_blocks(blocks, out, sound.peak)


def encode_ahead(
    path: Path,
    target: Path,
    is_wanted: Callable[[], bool],
    handling: AudioHandling = "compatible",
) -> None:
    """Encode the sound of ``path`` to AAC in ``target``, unless its packets can be copied.

    Stops and leaves nothing behind once ``is_wanted`` returns False.
    """

    def require_wanted() -> None:
        if not is_wanted():
            raise EncodingCancelled

    guard = MediaGuard(step=require_wanted)
    with suppress(EncodingCancelled):
        sound = measure_audio(path, guard)
        if not is_copyable(sound, handling):
            _encode_file(path, target, sound, guard)


def _encode_file(path: Path, target: Path, sound: AudioMeasurement, guard: MediaGuard) -> None:
    with (
        atomic_output(target) as temporary,
        av.open(str(temporary), "w", format="mp4") as out,
    ):
        for packet in encode_aac(path, add_aac(out, sound), sound, guard):
            out.mux(packet)


def _bit_rate(channels: int) -> int:
    if channels <= 2:
        return STEREO_BITS_PER_SECOND
    return max(SURROUND_BITS_PER_SECOND, channels * BITS_PER_SECOND_AND_CHANNEL)


def _time_base(packet: "Packet[Stream]") -> Fraction:
    return as_fraction(packet.time_base, Fraction(1))
