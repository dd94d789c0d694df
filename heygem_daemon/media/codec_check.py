"""Check whether this machine can encode and decode video, by opening each codec with a picture.

A codec that is compiled in may still not work: NVENC and NVDEC need a chip that has them, and two
more libraries of the driver.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Literal

import av
import av.logging
from av import VideoFrame
from av.filter import filters_available
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from heygem_daemon.config.choices import VideoCodec
from heygem_daemon.media.video_codecs import CODECS

SIDE = 256
"""Width and height of the test picture in pixels; NVENC needs at least 145."""
SOFTWARE_ENCODER = "libx264"
AUDIO_ENCODER = "aac"
NVENC = "h264_nvenc"
NVDEC = "h264_cuvid"
FILTERS = {
    "sidedata": "no video can be read",
    "bwdif": "no interlaced video can be read",
    "haldclut": "no HDR video can be read",
    "ebur128": "the loudness of no job can be changed",
    "loudnorm": "the loudness of no job can be changed",
}
"""Filters of libavfilter that jobs need, and what fails without them."""


def check_software_codecs() -> str | None:
    """Return why libx264 or AAC, which encode every job, does not work; None if both work."""
    return _failure_reason(
        lambda: (_encode_test_picture(SOFTWARE_ENCODER), av.CodecContext.create(AUDIO_ENCODER, "w"))
    )


def missing_parts() -> tuple[str, ...]:
    """Return what this FFmpeg lacks that only some jobs need: a clause each, with what for."""
    encoders = [
        f'no {spec.encoder}, so codec = "{codec}" is refused'
        for codec, spec in CODECS.items()
        if not has_encoder(codec)
    ]
    filters = [
        f"no filter {name}, so {purpose}"
        for name, purpose in FILTERS.items()
        if name not in filters_available
    ]
    return (*encoders, *filters)


def has_encoder(codec: VideoCodec) -> bool:
    """Whether results can be encoded with ``codec``."""
    return CODECS[codec].encoder in av.codecs_available


def check_nvenc() -> str | None:
    """Return why the GPU's encoder cannot encode a picture; None if it can."""
    return _failure_reason(lambda: _encode_test_picture(NVENC))


def check_nvdec() -> str | None:
    """Return why the GPU's decoder cannot decode a picture of libx264; None if it can."""
    return _failure_reason(lambda: _decode(NVDEC, _encode_test_picture(SOFTWARE_ENCODER)))


def _failure_reason(attempt: Callable[[], object]) -> str | None:
    before = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    with av.logging.Capture(local=False) as logged:
        try:
            attempt()
        except (av.FFmpegError, ValueError) as error:
            # FFmpeg's log names the cause; its error is only a number.
            return next((text.strip() for _, _, text in logged if text.strip()), str(error))
        finally:
            av.logging.set_level(before)
    return None


def _encode_test_picture(name: str) -> list["Packet[VideoStream]"]:
    """Encode a grey picture."""
    context = _context(name, "w")
    context.width = context.height = SIDE
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, 25)
    frame = VideoFrame(SIDE, SIDE, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    frame.pts, frame.time_base = 0, context.time_base
    packets = [*context.encode(frame), *context.encode(None)]
    if not packets:
        raise ValueError(f"{name} returned no packet for a picture")
    return packets


def _decode(name: str, packets: list["Packet[VideoStream]"]) -> None:
    context = _context(name, "r")
    frames = [frame for packet in [*packets, None] for frame in context.decode(packet)]
    if not frames:
        raise ValueError(f"{name} returned no picture")


def _context(name: str, mode: Literal["r", "w"]) -> VideoCodecContext:
    context = av.CodecContext.create(name, mode)
    if not isinstance(context, VideoCodecContext):
        raise TypeError(f"{name} is not a video codec")
    return context
