"""Make tiny media files of every container, as bytes."""

from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

RATE = 25
"""Pictures per second."""
SOUND_RATE = 48_000
"""Samples per second."""
TONE_HERTZ = 440
PIXEL_FORMATS = {"mjpeg": "yuvj420p", "png": "rgb24"}
"""Of the encoders that do not take yuv420p."""


def encode_video(muxer: str, encoder: str, pictures: Iterable[NDArray[np.uint8]]) -> bytes:
    """Return a video of ``pictures``, each (H, W, 3) RGB with even sides, at RATE."""
    buffer = BytesIO()
    with av.open(buffer, "w", format=muxer) as container:
        stream: Any = container.add_stream(encoder, rate=RATE)
        stream.pix_fmt = PIXEL_FORMATS.get(encoder, "yuv420p")
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def encode_tone(muxer: str, encoder: str, seconds: float) -> bytes:
    """Return a tone at half of full scale, mono at SOUND_RATE."""
    buffer = BytesIO()
    time = np.arange(round(seconds * SOUND_RATE), dtype=np.float32) / SOUND_RATE
    samples = (0.5 * np.sin(2 * np.pi * TONE_HERTZ * time)).astype(np.float32)[None]
    with av.open(buffer, "w", format=muxer) as container:
        stream: Any = container.add_stream(encoder, rate=SOUND_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, 0, Fraction(1, SOUND_RATE)
        size = stream.frame_size or None
        resampler = av.AudioResampler(stream.format, "mono", SOUND_RATE, size)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return buffer.getvalue()
