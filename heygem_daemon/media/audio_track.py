"""Make the sound track of a result: a copy of the original packets, or AAC."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from heygem_daemon.config.choices import AudioHandling
from heygem_daemon.media.aac_encoder import (
    MOST_BITS_PER_BLOCK,
    SAMPLES_PER_BLOCK,
    AacForm,
    encode_blocks,
)
from heygem_daemon.media.atomic_output import atomic_output
from heygem_daemon.media.audio_decoder import OpenSound
from heygem_daemon.media.audio_measurement import AudioMeasurement, measure_audio
from heygem_daemon.media.channel_layout import aac_layout
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.loudness import (
    Loudness,
    LoudnessChange,
    change_loudness,
    measure_loudness,
    plan_change,
)
from heygem_daemon.media.pcm_encoder import (
    add_pcm,
    encode_pcm,
    pcm_codec,
    pcm_format,
    read_unchanged,
)
from heygem_daemon.media.rational import as_fraction
from heygem_daemon.media.resample import keep_channels, mean_or_channel, resample
from heygem_daemon.media.samples import Samples
from heygem_daemon.media.source import read_packets

HELD_BY_MP4 = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
"""Codecs that MP4 allows and that some players play from it."""
HELD_BY_MOV = frozenset(
    {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"}
    | {"pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be"}
    | {"pcm_alaw", "pcm_mulaw"}
)
"""Codecs that a QuickTime file holds."""
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
    bits_per_second: int = 0
    """Bit rate to encode with; 0: AAC is copied, and other sound gets a rate for its channels."""
    loudness: LoudnessChange | None = None
    """How the sound is made louder or quieter (``plan_loudness``); None: it is not."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Texts for the result's index, each under its own name."""
    delay: Fraction = Fraction(0)
    """Seconds after the first picture at which the sound begins."""
    is_pcm: bool = False
    """Whether the sound is for editing: PCM in a QuickTime file, in place of AAC."""

    @property
    def leaves_sound(self) -> bool:
        """Whether the sound may be published as it is."""
        return self.bits_per_second == 0 and self.loudness is None

    def peak(self, sound: AudioMeasurement) -> float:
        """Return the largest value that is encoded of ``sound``; full scale is 1."""
        return sound.peak if self.loudness is None else self.loudness.peak_after(sound.peak)


COMPATIBLE = TrackOptions()


class EncodingCancelled(Exception):
    """The encoding was stopped because its result is no longer needed."""


def is_copyable(sound: AudioMeasurement, track: TrackOptions = COMPATIBLE) -> bool:
    """Whether the packets of a sound can be published as they are.

    It must be intact, and of a codec that every player plays inside MP4 (AAC); with 'copy', of one
    that the result's container can hold.
    """
    if not sound.is_intact or not track.leaves_sound:
        return False
    if track.handling == "copy":
        return sound.codec in (HELD_BY_MOV if track.is_pcm else HELD_BY_MP4)
    return not track.is_pcm and sound.codec == "aac" and sound.profile in PLAYABLE_PROFILES


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


def delay_packets(
    delay: Fraction, packets: Iterable["Packet[Stream]"]
) -> Iterator["Packet[Stream]"]:
    """Yield ``packets`` as many seconds later; the muxer says in the edit list when they begin."""
    for packet in packets:
        ticks = round(delay / _time_base(packet))
        packet.pts = (packet.pts or 0) + ticks
        packet.dts = (packet.dts or 0) + ticks
        yield packet


def add_aac(
    target: OutputContainer, sound: AudioMeasurement, track: TrackOptions = COMPATIBLE
) -> AudioStream:
    """Add a stream of AAC for ``encode``: the channels of ``sound``, at 44.1 or 48 kHz."""
    form = aac_form(sound, track)
    return target.add_stream(
        "aac", rate=form.rate, layout=form.layout, bit_rate=form.bits_per_second
    )


def aac_form(sound: AudioMeasurement, track: TrackOptions = COMPATIBLE) -> AacForm:
    """Return what the AAC of a sound is like."""
    rate, layout = encoded_format(sound)
    channels = av.AudioLayout(layout).nb_channels
    most = MOST_BITS_PER_BLOCK * channels * rate // SAMPLES_PER_BLOCK
    keeps_all = published_layout(sound) is not None
    return AacForm(
        rate=rate,
        layout=layout,
        bits_per_second=min(most, track.bits_per_second or _bit_rate(channels)),
        peak=track.peak(sound),
        silent=sound.silent_channels if keeps_all else frozenset(),
    )


def encoded_format(sound: AudioMeasurement) -> tuple[int, str]:
    """Return sampling rate and layout of the AAC of a sound.

    At lower sampling rates the padding of the last block would be long enough to be heard as a
    delay.
    """
    rate = 44_100 if sound.sample_rate % 11_025 == 0 else 48_000
    return rate, published_layout(sound) or "mono"


def published_layout(sound: AudioMeasurement) -> str | None:
    """Return the layout in which AAC holds all channels; None: the voice is published alone."""
    return aac_layout(sound.layout, sound.channels, sound.full_range_lfe)


def add_encoded(
    target: OutputContainer, path: Path, sound: AudioMeasurement, track: TrackOptions
) -> AudioStream:
    """Add a stream for ``encode`` of the sound of ``path``: PCM or AAC."""
    if not track.is_pcm:
        return add_aac(target, sound, track)
    codec = pcm_codec(path, sound, is_changed=track.loudness is not None, guard=track.guard)
    return add_pcm(target, sound, codec)


def encode(
    path: Path, out: AudioStream, sound: AudioMeasurement, track: TrackOptions
) -> Iterator["Packet[Stream]"]:
    """Yield the sound of ``path`` as packets for ``out``, a stream of ``add_encoded``.

    Raises BadInput or EnvironmentFault.
    """

    def read() -> Iterator[Samples]:
        blocks = _read_published(path, sound, track.guard, is_pcm=track.is_pcm)
        if track.loudness is None:
            return blocks
        form = _published_format(sound, is_pcm=track.is_pcm)
        return change_loudness(blocks, *form, track.loudness)

    if track.is_pcm:
        return encode_pcm(read(), out)
    return encode_blocks(read, out, aac_form(sound, track))


def _published_format(sound: AudioMeasurement, *, is_pcm: bool) -> tuple[int, str]:
    """Return sampling rate and layout of the PCM or the AAC of a sound."""
    return pcm_format(sound) if is_pcm else encoded_format(sound)


def _read_published(
    path: Path, sound: AudioMeasurement, guard: MediaGuard, *, is_pcm: bool
) -> Iterator[Samples]:
    """Yield blocks of the sound of ``path`` in the format of ``_published_format``.

    Raises BadInput or EnvironmentFault.
    """
    if is_pcm:
        return read_unchanged(path, sound, guard)
    rate, layout = encoded_format(sound)
    channels = av.AudioLayout(layout).nb_channels
    keeps_all = published_layout(sound) is not None
    select = keep_channels(channels) if keeps_all else mean_or_channel(sound.voice_channel)
    return resample(path, rate, channels, select, guard)


def plan_loudness(
    path: Path, target: float, guard: MediaGuard = NO_LIMITS, *, is_pcm: bool = False
) -> LoudnessChange:
    """Return how the sound of ``path`` gets to ``target`` LUFS; reads it two to four times.

    ``is_pcm``: whether it is published as PCM, with all its channels, rather than as AAC. Raises
    BadInput or EnvironmentFault.
    """
    sound = measure_audio(path, guard)

    def read() -> Iterator[Samples]:
        return _read_published(path, sound, guard, is_pcm=is_pcm)

    return plan_change(read, *_published_format(sound, is_pcm=is_pcm), target)


def measure_published(path: Path, guard: MediaGuard = NO_LIMITS) -> Loudness:
    """Return the loudness of the sound of a result. Raises BadInput or EnvironmentFault."""
    sound = measure_audio(path, guard)
    return measure_loudness(read_unchanged(path, sound, guard), *pcm_format(sound))


def encode_ahead(
    path: Path,
    target: Path,
    is_wanted: Callable[[], bool],
    track: TrackOptions = COMPATIBLE,
) -> None:
    """Encode the sound of ``path`` to AAC or PCM in ``target``, unless its packets can be copied.

    Stops and leaves nothing behind once ``is_wanted`` returns False.
    """

    def require_wanted() -> None:
        if not is_wanted():
            raise EncodingCancelled

    track = replace(track, guard=MediaGuard(step=require_wanted))
    with suppress(EncodingCancelled):
        sound = measure_audio(path, track.guard)
        if not is_copyable(sound, track):
            _encode_file(path, target, sound, track)


def _encode_file(path: Path, target: Path, sound: AudioMeasurement, track: TrackOptions) -> None:
    with (
        atomic_output(target) as temporary,
        av.open(str(temporary), "w", format="mov" if track.is_pcm else "mp4") as out,
    ):
        for packet in encode(path, add_encoded(out, path, sound, track), sound, track):
            out.mux(packet)


def _bit_rate(channels: int) -> int:
    if channels <= 2:
        return STEREO_BITS_PER_SECOND
    return max(SURROUND_BITS_PER_SECOND, channels * BITS_PER_SECOND_AND_CHANNEL)


def _time_base(packet: "Packet[Stream]") -> Fraction:
    return as_fraction(packet.time_base, Fraction(1))
