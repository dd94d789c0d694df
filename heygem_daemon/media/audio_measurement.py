"""Measure the sound of a file by decoding all of it: its length, its channels, what is damaged."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.media.announced import Verdict, stated_seconds, weigh_length
from heygem_daemon.media.audio_decoder import Gap, ReadErrors, open_sound
from heygem_daemon.media.channel_layout import low_frequency_channel, resolve_layout
from heygem_daemon.media.channel_meter import ChannelMeter
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.ogg import read_ogg_layout
from heygem_daemon.media.regular_file import REPLACE_FILE_HINT, file_size
from heygem_daemon.media.riff import read_wav_sizes
from heygem_daemon.media.sound_blocks import SoundBlock, SoundFormat, read_blocks
from heygem_daemon.media.source import (
    TOLERATED_LOSS,
)

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
    """Samples per second and channel: the highest, where it changes."""
    channels: int
    """The most, where it changes."""
    duration: Fraction
    """Seconds from the first audible sample to the end, with what is not there in between."""
    lost_seconds: Fraction = Fraction(0)
    """What of ``duration`` could not be decoded."""
    start: Fraction = Fraction(0)
    """Presentation time of the first audible sample in the file, in seconds."""
    layout: str = "2 channels"
    """FFmpeg's name, as the file gives it: '2 channels' where it gives no order."""
    profile: str | None = None
    """FFmpeg's name, such as 'LC'."""
    missing_seconds: Fraction = Fraction(0)
    """What of ``duration`` the time stamps leave out: a muted microphone, lost packets."""
    missing_places: int = 0
    read_errors: int = 0
    """Errors of the demuxer; what they hid is not part of ``duration``."""
    bad_samples: int = 0
    """Values that are no numbers, over all channels."""
    formats: int = 1
    """How many times rate or channels are others than before, and one."""
    peak: float = 0.0
    """Largest absolute value; full scale is 1."""
    silent_channels: frozenset[int] = frozenset()
    """Indices of channels that hold nothing from start to end; none where the format changes."""
    voice_channel: int | None = None
    """Index of the channel that carries the voice; None: the mean of all does."""
    full_range_lfe: bool = False
    """Whether the channel that is the LFE, in the layout or in the default one, holds more than
    low frequencies."""
    lfe_cut: float = 0.0
    """Part of the power of that channel above what an LFE channel of AAC keeps."""
    stated_seconds: Fraction = Fraction(0)
    """Length that the file announces; 0: none."""
    verdict: Verdict = "whole"
    """What ``stated_seconds`` says of the file."""
    is_ended: bool = True
    """False where the format marks the end of a file, and this file has no such mark."""

    @property
    def is_intact(self) -> bool:
        """Whether everything is there, in one format, and each value is a number."""
        gaps = self.lost_seconds or self.missing_seconds
        return not gaps and not self.read_errors and not self.bad_samples and self.formats == 1


def measure_audio(path: Path, guard: MediaGuard = NO_LIMITS) -> AudioMeasurement:
    """Decode the whole sound of ``path`` and return its properties.

    Raises BadInput where there is no sound, where the file is truncated, or where more than 5 %
    of the sound cannot be decoded or is no sound; TooLarge where it is longer than ``guard``
    allows; EnvironmentFault where the file cannot be read.
    """
    tally = _Tally()
    for piece in read_blocks(path, guard):
        tally.add(piece)
    sound = _measurement(path, tally)
    _refuse_damage(path.name, sound, tally)
    return sound


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


@dataclass(slots=True)
class _Tally:
    """Sums over the pieces of a sound."""

    decoded: Fraction = Fraction(0)
    lost: Fraction = Fraction(0)
    missing: Fraction = Fraction(0)
    missing_places: int = 0
    read_errors: int = 0
    values: int = 0
    bad_samples: int = 0
    start: Fraction | None = None
    meters: list[tuple[SoundFormat, ChannelMeter]] = field(default_factory=list)
    """One for each change of the format."""

    def add(self, piece: SoundBlock | Gap | ReadErrors) -> None:
        match piece:
            case SoundBlock():
                self._add_block(piece)
            case Gap(seconds, "missing"):
                self.missing += seconds
                self.missing_places += 1
            case Gap(seconds):
                self.lost += seconds
            case ReadErrors(count):
                self.read_errors += count

    def _add_block(self, block: SoundBlock) -> None:
        self.start = block.start if self.start is None else self.start
        self.decoded += Fraction(block.samples.shape[1], block.format.rate)
        self.values += block.samples.size
        self.bad_samples += block.bad_samples
        if not self.meters or self.meters[-1][0] != block.format:
            form = block.format
            lfe = low_frequency_channel(resolve_layout(form.layout, form.channels))
            meter = ChannelMeter(form.channels, form.rate, lfe)
            self.meters.append((block.format, meter))
        self.meters[-1][1].measure(block.samples)


def _measurement(path: Path, tally: _Tally) -> AudioMeasurement:
    """Put the sums and what the header says together. Raises BadInput where there is no sound."""
    duration = tally.decoded + tally.lost + tally.missing
    with open_sound(path) as opened:
        context = opened.stream.codec_context
        codec, profile = context.codec.canonical_name, context.profile
        if not tally.meters:
            raise BadInput(f"No sound of {path.name} can be decoded ({codec}).", REPLACE_FILE_HINT)
        stated = stated_seconds(opened.container, opened.stream, path, tally.decoded)
        container_format = opened.container.format.name
    # A container may count its length from time 0, whenever its sound begins.
    reached = duration + max(Fraction(0), tally.start or Fraction(0))
    ogg = read_ogg_layout(path)
    is_chain = ogg is not None and len(ogg.links) > 1
    widest, meter = max(tally.meters, key=lambda each: each[0].channels)
    return AudioMeasurement(
        codec=codec,
        sample_rate=max(each.rate for each, _ in tally.meters),
        channels=widest.channels,
        duration=duration,
        lost_seconds=tally.lost,
        start=tally.start or Fraction(0),
        layout=widest.layout,
        profile=profile,
        missing_seconds=tally.missing,
        missing_places=tally.missing_places,
        read_errors=tally.read_errors,
        bad_samples=tally.bad_samples,
        formats=len(tally.meters),
        peak=max(each.peak for _, each in tally.meters),
        silent_channels=meter.silent_channels() if len(tally.meters) == 1 else frozenset(),
        voice_channel=meter.voice_channel() if len(tally.meters) == 1 else None,
        full_range_lfe=meter.low_channel_is_full_range(),
        lfe_cut=meter.low_channel_cut(),
        stated_seconds=Fraction(0) if is_chain else stated,
        verdict="whole"
        if is_chain
        else weigh_length(stated, reached, _bytes_of_sound(path), container_format),
        is_ended=ogg is None or ogg.is_ended,
    )


def _bytes_of_sound(path: Path) -> int:
    sizes = read_wav_sizes(path)
    return min(sizes.announced or sizes.present, sizes.present) if sizes else file_size(path)


def _refuse_damage(name: str, sound: AudioMeasurement, tally: _Tally) -> None:
    if sound.verdict == "truncated":
        raise BadInput(
            f"{name} is truncated: its sound ends after {float(sound.duration):.1f} of "
            f"{float(sound.stated_seconds):.1f} seconds.",
            REPLACE_FILE_HINT,
        )
    if sound.lost_seconds > (sound.duration - sound.missing_seconds) * TOLERATED_LOSS:
        raise BadInput(
            f"{name} is damaged: {float(sound.lost_seconds):.1f} of "
            f"{float(sound.duration):.1f} seconds of its sound cannot be decoded.",
            REPLACE_FILE_HINT,
        )
    if tally.bad_samples > tally.values * TOLERATED_LOSS:
        raise BadInput(
            f"{name} is damaged: {tally.bad_samples / tally.values:.0%} of its samples are no "
            "numbers (NaN or infinite), or far beyond full scale.",
            "Export it again as 16-bit or 24-bit sound.",
        )
