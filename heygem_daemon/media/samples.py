"""Take the samples of decoded sound frames as float32 arrays, free of values that are no sound."""

import numpy as np
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""(channels, n), full scale is -1 … 1."""

LOUDEST = 16.0
"""24 dB over full scale. Larger values are damage: no recording is that loud, and the AAC encoder
fails on them."""
MAX_PLANES = 7
"""PyAV 18 reads beyond the planes of a planar frame with more channels, and may crash."""

_INTEGERS: dict[str, type[np.integer]] = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "s64": np.int64,
}
_FLOATS: dict[str, type[np.floating]] = {"flt": np.float32, "dbl": np.float64}


def float_samples(frame: AudioFrame) -> Samples:
    """Return the samples of ``frame``, with FFmpeg's own scale factors. A copy."""
    channels, count = frame.layout.nb_channels, frame.samples
    if frame.format.is_planar and channels > MAX_PLANES:
        frame = _packed(frame)
    name = frame.format.packed.name
    if frame.format.is_planar:
        planes = [memoryview(frame.planes[i]) for i in range(channels)]
        return np.stack([_floats(plane, count, name) for plane in planes])
    values = _floats(memoryview(frame.planes[0]), count * channels, name)
    return np.ascontiguousarray(values.reshape(count, channels).T)


def silence_bad_samples(samples: Samples) -> int:
    """Set NaN, Inf and absurdly large values to 0, in place; return how many there were."""
    bad = ~(np.abs(samples) <= LOUDEST)
    samples[bad] = 0
    return int(bad.sum())


def silence(channels: int, count: int) -> Samples:
    """Return ``count`` samples of silence; none if a number is negative."""
    return np.zeros((max(0, channels), max(0, count)), dtype=np.float32)


def packed_frame(samples: Samples, rate: int, layout: str) -> AudioFrame:
    """Return a frame of interleaved floats. It needs one plane for any number of channels."""
    interleaved = np.ascontiguousarray(samples.T).reshape(1, -1)
    frame = AudioFrame.from_ndarray(interleaved, "flt", layout)
    frame.sample_rate = rate
    return frame


def _floats(plane: memoryview, count: int, name: str) -> Samples:
    """Return the first ``count`` values of a plane of the sample format ``name``."""
    if name in _FLOATS:
        # A double beyond float32 becomes infinite, which silence_bad_samples finds.
        with np.errstate(over="ignore", invalid="ignore"):
            return np.frombuffer(plane, _FLOATS[name], count).astype(np.float32)
    integers = np.frombuffer(plane, _INTEGERS[name], count)
    bits = 8 * integers.itemsize
    middle = 128 if name == "u8" else 0
    scaled = (integers.astype(np.float64) - middle) / (1 << (bits - 1))
    return scaled.astype(np.float32)


def _packed(frame: AudioFrame) -> AudioFrame:
    """Return a planar frame with interleaved samples."""
    resampler = AudioResampler(
        format=frame.format.packed.name, layout=frame.layout, rate=frame.sample_rate
    )
    frame.pts = None
    (packed,) = resampler.resample(frame)
    return packed
