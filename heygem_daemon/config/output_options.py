"""What a result is like: codec, size, dynamic range, and sound.

One model for settings, sidecars and the worker, so that whatever sets some of these options (a
file, a folder, a job) is laid over what sets the others.
"""

from collections.abc import Collection
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from heygem_daemon.config.choices import (
    AudioHandling,
    HdrHandling,
    Loudness,
    Preset,
    VideoCodec,
)

MaxHeight = Annotated[int, Field(ge=0, le=8192)]
AudioBitrate = Annotated[int, Field(ge=0, le=512)]

QUALITY_OPTIONS = ("quality", "crf", "preset")
"""Options that mean nothing for ProRes, whose quality is fixed."""


class OutputOptions(BaseModel):
    """What a result is like. The defaults are those of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    codec: VideoCodec = "h264"
    """Codec of the pictures. ProRes is 422 HQ, in a .mov file; the others are in .mp4."""
    crf: int = Field(default=18, ge=0, le=51)
    """Constant rate factor of x264 and x265; lower is better quality."""
    preset: Preset = "veryfast"
    """Speed preset of x264 and x265."""
    max_height: MaxHeight = 0
    """Most lines of the result; higher pictures are made smaller. 0: as the source."""
    hdr: HdrHandling = "sdr"
    """Whether an HDR video becomes SDR or stays HDR."""
    audio: AudioHandling = "compatible"
    """How the sound gets into the result."""
    audio_bitrate: AudioBitrate = 0
    """Bit rate of the AAC in kbit/s; 0: AAC is copied, and other sound gets 192, or 320 for 5.1.
    ProRes has no AAC."""
    loudness: Loudness = "off"
    """Integrated loudness of the result in LUFS; 'off': as the source."""


def find_contradiction(options: OutputOptions, given: Collection[str] = ()) -> str | None:
    """Return why these options cannot be met together and what to write instead; None if they can.

    ``given``: names of the options that the job itself sets. One that has no effect is refused
    only then: the settings have a value for each.
    """
    if options.codec == "prores" and (idle := [key for key in QUALITY_OPTIONS if key in given]):
        return (
            f'{idle[0]} has no effect with codec = "prores", whose quality is fixed. '
            f'Remove {idle[0]}, or write codec = "h264" or codec = "hevc".'
        )
    if options.codec == "prores" and "audio_bitrate" in given:
        return (
            'audio_bitrate has no effect with codec = "prores", whose sound is PCM. '
            'Remove audio_bitrate, or write codec = "h264" or codec = "hevc".'
        )
    if options.hdr == "keep" and options.codec == "h264" and "codec" in given:
        return (
            'hdr = "keep" is not possible with codec = "h264", which has 8 bits here. '
            'Write codec = "hevc" or codec = "prores", or hdr = "sdr".'
        )
    if options.audio == "copy":
        return _contradiction_of_copy(options)
    return None


def _contradiction_of_copy(options: OutputOptions) -> str | None:
    changes = {
        "loudness": None if options.loudness == "off" else f"loudness = {options.loudness}",
        "audio_bitrate": f"audio_bitrate = {options.audio_bitrate}"
        if options.audio_bitrate
        else None,
    }
    off = {"loudness": 'loudness = "off"', "audio_bitrate": "audio_bitrate = 0"}
    for key, change in changes.items():
        if change is not None:
            return (
                f'{change} is not possible with audio = "copy", which leaves the sound as it is. '
                f'Write audio = "compatible", or {off[key]}.'
            )
    return None
