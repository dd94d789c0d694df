"""Measure the loudness of a sound, and bring it to a target (EBU R 128, ITU-R BS.1770).

libavfilter's ``ebur128`` measures the whole sound. Then one gain changes all of it, where the true
peak stays within the limit; only where it does not, ``loudnorm`` lets the gain follow the sound,
and limits peaks.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from av import AudioFrame, AudioLayout
from av.error import BlockingIOError as FilterNeedsMore
from av.error import EOFError as FilterEnded
from av.filter import Graph

from heygem_daemon.media.resample import Resampler
from heygem_daemon.media.samples import Samples, packed_frame, silence

PEAK_LIMIT = -1.5
"""True peak of the sound before it is encoded, dBTP. R 128 allows -1; AAC adds up to half a dB."""
WIDEST_RANGE = 50.0
"""Loudness range that ``loudnorm`` accepts, LU: the largest one, since speech keeps its own."""
LEAST, MOST = -99.0, 99.0
"""What ``loudnorm`` accepts as a peak or an offset, dB; a loudness and a gate only up to 0 LUFS."""
SILENCE = -70.0
"""Absolute gate of BS.1770, LUFS: what is quieter does not count."""
RELATIVE_GATE = -10.0
"""LU below the mean of what passes the absolute gate (BS.1770-5, annex 1)."""
LOUDNORM_RATE = 192_000
"""Samples per second at which ``loudnorm`` works where its gain follows the sound."""


@dataclass(frozen=True, slots=True)
class Loudness:
    """The loudness of a whole sound."""

    integrated: float
    """LUFS; ``SILENCE`` where nothing passes the gate."""
    true_peak: float
    """dBTP, the highest of all channels; -inf for silence."""
    range: float
    """Loudness range, LU."""
    threshold: float
    """Relative gate, LUFS."""

    @property
    def is_silent(self) -> bool:
        return self.integrated <= SILENCE

    def rounded(self) -> dict[str, float | None]:
        """Return what the report says."""
        peak = round(self.true_peak, 2) if math.isfinite(self.true_peak) else None
        return {
            "lufs": None if self.is_silent else round(self.integrated, 2),
            "true_peak_dbtp": peak,
            "range_lu": round(self.range, 2),
        }


@dataclass(frozen=True, slots=True)
class LoudnessChange:
    """How a sound gets to a target."""

    target: float
    """LUFS."""
    before: Loudness
    offset: float = 0.0
    """LU to aim higher where the gain follows the sound, since limited peaks make it quieter."""

    @property
    def gain(self) -> float:
        """The gain in dB that reaches the target; 0 for silence."""
        return 0.0 if self.before.is_silent else self.target - self.before.integrated

    @property
    def is_linear(self) -> bool:
        """Whether one gain for the whole sound keeps its peaks within ``PEAK_LIMIT``."""
        return self.before.true_peak + self.gain <= PEAK_LIMIT

    def peak_after(self, peak: float) -> float:
        """Return the largest sample, full scale 1, of a sound whose largest was ``peak``."""
        return peak * 10 ** (self.gain / 20) if self.is_linear else 10 ** (PEAK_LIMIT / 20)


def plan_change(
    read: Callable[[], Iterable[Samples]], rate: int, layout: str, target: float
) -> LoudnessChange:
    """Return how the sound that ``read`` yields anew each time gets to ``target`` LUFS."""
    change = LoudnessChange(target, measure_loudness(read(), rate, layout))
    if change.is_linear or change.before.is_silent:
        return change
    trial = measure_loudness(change_loudness(read(), rate, layout, change), rate, layout)
    return replace(change, offset=target - trial.integrated)


def measure_loudness(blocks: Iterable[Samples], rate: int, layout: str) -> Loudness:
    """Return the loudness of (channels, n) blocks of a sound with the channels of ``layout``."""
    chain = _FilterChain(rate, layout, "ebur128", "metadata=1:peak=true")
    meter = _Meter()
    for samples in blocks:
        for frame in chain.feed(samples):
            meter.add(frame.metadata)
    for frame in chain.finish():
        meter.add(frame.metadata)
    return meter.result()


def change_loudness(
    blocks: Iterable[Samples], rate: int, layout: str, change: LoudnessChange
) -> Iterator[Samples]:
    """Yield the blocks at the loudness of ``change.target``, with as many samples in all.

    Silence stays as it is.
    """
    if change.before.is_silent:
        yield from blocks
    elif change.is_linear:
        factor = np.float32(10 ** (change.gain / 20))
        yield from (samples * factor for samples in blocks)
    else:
        yield from _follow_loudness(blocks, rate, layout, change)


def _follow_loudness(
    blocks: Iterable[Samples], rate: int, layout: str, change: LoudnessChange
) -> Iterator[Samples]:
    chain = _FilterChain(rate, layout, "loudnorm", _loudnorm_arguments(change))
    resampler = Resampler(rate, chain.channels)
    taken = given = 0
    for samples in blocks:
        taken += samples.shape[1]
        for frame in chain.feed(samples):
            changed = _samples_of(frame, resampler)
            given += changed.shape[1]
            yield changed
    rest = [_samples_of(frame, resampler) for frame in chain.finish()]
    rest += [resampler.flush(), silence(chain.channels, taken - given)]
    yield np.concatenate(rest, axis=1)[:, : max(0, taken - given)]


def _loudnorm_arguments(change: LoudnessChange) -> str:
    before = change.before
    return (
        f"I={change.target:g}:TP={PEAK_LIMIT}:LRA={WIDEST_RANGE}:linear=false:"
        f"measured_I={_within(before.integrated, 0):.3f}:"
        f"measured_TP={_within(before.true_peak, MOST):.3f}:"
        f"measured_LRA={min(MOST, max(0.01, before.range)):.3f}:"
        f"measured_thresh={_within(before.threshold, 0):.3f}:"
        f"offset={_within(change.offset, MOST):.3f}"
    )


def _within(value: float, most: float) -> float:
    return min(most, max(LEAST, value))


def _samples_of(frame: AudioFrame, resampler: Resampler) -> Samples:
    channels = len(frame.layout.channels)
    samples: Samples = frame.to_ndarray().reshape(-1, channels).T.astype(np.float32)
    return resampler.feed(samples, frame.sample_rate)


class _FilterChain:
    """One filter of libavfilter between blocks of samples."""

    def __init__(self, rate: int, layout: str, name: str, arguments: str) -> None:
        self._rate = rate
        self._layout = layout
        self._position = 0
        self._graph = Graph()
        source = self._graph.add_abuffer(
            sample_rate=rate, format="flt", layout=layout, time_base=Fraction(1, rate)
        )
        changed = self._graph.add(name, arguments)
        packed = self._graph.add("aformat", "sample_fmts=dbl")
        sink = self._graph.add("abuffersink")
        self._graph.link_nodes(source, changed, packed, sink)
        self._graph.configure()
        self.channels = AudioLayout(layout).nb_channels

    def feed(self, samples: Samples) -> Iterator[AudioFrame]:
        """Yield what the filter puts out for (channels, n) samples."""
        count = samples.shape[1]
        if not count:
            return
        frame = packed_frame(samples, self._rate, self._layout)
        frame.pts, frame.time_base = self._position, Fraction(1, self._rate)
        self._position += count
        self._graph.push(frame)
        yield from self._pull()

    def finish(self) -> Iterator[AudioFrame]:
        """Yield what the filter still holds."""
        self._graph.push(None)
        yield from self._pull()

    def _pull(self) -> Iterator[AudioFrame]:
        while True:
            try:
                frame = self._graph.pull()
            except (FilterNeedsMore, FilterEnded):
                return
            if isinstance(frame, AudioFrame):
                yield frame


@dataclass(slots=True)
class _Meter:
    """Collects what ``ebur128`` writes into the metadata of its frames, one each 100 ms."""

    integrated: float = SILENCE
    range: float = 0.0
    peaks: dict[str, float] = field(default_factory=dict)
    """Highest true peak of each channel so far, full scale 1."""
    energy: float = 0.0
    """Sum of the energies of 400 ms blocks above the absolute gate."""
    blocks: int = 0

    def add(self, metadata: dict[str, str]) -> None:
        """Take the values of one frame."""
        self.integrated = float(metadata.get("lavfi.r128.I", self.integrated))
        self.range = float(metadata.get("lavfi.r128.LRA", self.range))
        momentary = float(metadata.get("lavfi.r128.M", SILENCE))
        if momentary > SILENCE:
            self.energy += 10 ** (momentary / 10)
            self.blocks += 1
        for key, value in metadata.items():
            if key.startswith("lavfi.r128.true_peaks_ch"):
                self.peaks[key] = float(value)

    def result(self) -> Loudness:
        peak = max(self.peaks.values(), default=0.0)
        mean = 10 * math.log10(self.energy / self.blocks) if self.blocks else SILENCE
        return Loudness(
            integrated=max(SILENCE, self.integrated),
            true_peak=20 * math.log10(peak) if peak > 0 else -math.inf,
            range=self.range,
            threshold=mean + RELATIVE_GATE,
        )
