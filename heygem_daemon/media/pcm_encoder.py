"""Write sound as PCM for a QuickTime file: the source's rate, channels, layout and level."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from av import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from heygem_daemon.media.audio_decoder import open_sound
from heygem_daemon.media.audio_measurement import AudioMeasurement
from heygem_daemon.media.channel_layout import resolve_layout
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.resample import keep_channels, resample
from heygem_daemon.media.samples import Samples

SHALLOW = frozenset({"u8", "u8p", "s16", "s16p"})
"""Sample formats of FFmpeg's decoders that 16 bits hold exactly."""
PCM_16, PCM_24, PCM_FLOAT = "pcm_s16le", "pcm_s24le", "pcm_f32le"
Interleaved = NDArray[np.int16] | NDArray[np.int32] | NDArray[np.float32]
FLOATING = "pcm_f"
"""How FFmpeg's names of PCM begin that can be louder than full scale."""


def pcm_codec(
    path: Path, sound: AudioMeasurement, *, is_changed: bool, guard: MediaGuard = NO_LIMITS
) -> str:
    """Return the codec that holds the sound of ``path``: 24 bits where it is deeper than 16, or
    where its loudness is changed; its own floats where they are louder than full scale. Raises
    BadInput or EnvironmentFault."""
    if not is_changed and sound.codec.startswith(FLOATING) and sound.peak > 1:
        return PCM_FLOAT
    with open_sound(path, guard) as opened:
        sample_format = opened.stream.codec_context.format
        is_shallow = sample_format is not None and sample_format.name in SHALLOW
    return PCM_16 if is_shallow and not is_changed else PCM_24


def pcm_format(sound: AudioMeasurement) -> tuple[int, str]:
    """Return sampling rate and layout of the PCM of a sound: its own."""
    return sound.sample_rate, resolve_layout(sound.layout, sound.channels)


def add_pcm(target: OutputContainer, sound: AudioMeasurement, codec: str) -> AudioStream:
    """Add a stream for ``encode_pcm`` of ``codec``, one of ``pcm_codec``."""
    rate, layout = pcm_format(sound)
    stream = target.add_stream(codec, rate=rate, layout=layout)
    assert isinstance(stream, AudioStream)
    return stream


def read_unchanged(
    path: Path, sound: AudioMeasurement, guard: MediaGuard = NO_LIMITS
) -> Iterator[Samples]:
    """Yield blocks of the sound of ``path`` at its own rate, with all its channels.

    Raises BadInput or EnvironmentFault.
    """
    return resample(path, sound.sample_rate, sound.channels, keep_channels(sound.channels), guard)


def encode_pcm(blocks: Iterable[Samples], out: AudioStream) -> Iterator["Packet[Stream]"]:
    """Yield (channels, n) samples as packets for ``out``, a stream of ``add_pcm``."""
    context = out.codec_context
    name = {PCM_16: "s16", PCM_24: "s32", PCM_FLOAT: "flt"}[context.name]
    position = 0
    for samples in blocks:
        if samples.shape[1]:
            values = _interleaved(samples, name)
            frame = AudioFrame.from_ndarray(values, name, context.layout.name)
            frame.sample_rate = context.sample_rate
            frame.pts, frame.time_base = position, Fraction(1, context.sample_rate)
            position += samples.shape[1]
            yield from out.encode(frame)
    yield from out.encode(None)


def _interleaved(samples: Samples, name: str) -> Interleaved:
    """Return values of FFmpeg's sample format ``name``, shape (1, n · channels). 24 bits are the
    upper ones of 32, as FFmpeg's encoder takes them. Integers beyond full scale are clipped."""
    if name == "flt":
        return np.ascontiguousarray(samples.T, np.float32).reshape(1, -1)
    full = 1 << (23 if name == "s32" else 15)
    scaled = np.clip(np.rint(samples.T.astype(np.float64) * full), -full, full - 1)
    if name == "s32":
        return np.ascontiguousarray(scaled.astype(np.int32) << 8).reshape(1, -1)
    return np.ascontiguousarray(scaled.astype(np.int16)).reshape(1, -1)
