"""What whole jobs cost by picture size and length, compared with a plain transcode of each clip.

``python -m benchmarks.job --sizes`` runs it. Each clip has a daemon of its own with two jobs. The
first is cold: it loads the engine, which is shown apart, and tracks the video. The second is warm:
another sound, with the engine resident and the track in the cache.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from benchmarks.clips import DEMO, looped_clip, looped_sound
from benchmarks.daemon import MEBIBYTE, render_jobs

SIZES = {"480p": 480, "720p": 720, "1080p": 1080, "4K": 2160}
"""Pixels of the shorter side."""
SECONDS = (10, 60, 300)
WARM_SKIP_SECONDS = 3.0
"""Where in the sound the warm job begins, so that it is another sound."""
SHORT_SECONDS, SHORT_REPEATS = 20, 3
"""Clips up to this length are transcoded several times, of which the fastest counts."""
PORTRAIT = DEMO.parents[1] / "shared" / "media" / "portrait_1080x1920_hevc.mp4"
PORTRAIT_SECONDS, PORTRAIT_FPS = 20, Fraction(30)

COLUMNS = (
    "clip", "plain, s (CPU s)", "warm, s (CPU s)", "**warm / plain**", "cold, s (CPU s)",
    "**cold / plain**", "engine load, s", "peak memory, MiB",
)  # fmt: skip
PlainTranscode = Callable[[Path, Path, Path], tuple[float, int]]
"""Decodes and encodes a job's frames: ``(audio, video, target)`` to seconds and their number."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall-clock and processor time, seconds."""

    wall: float
    cpu: float

    def over(self, other: "Cost") -> tuple[float, float]:
        """Return both as multiples of ``other``."""
        return self.wall / other.wall, self.cpu / other.cpu


@dataclass(frozen=True, slots=True)
class ClipCosts:
    """What was measured with one clip."""

    size: str
    """A key of ``SIZES``, or what the pictures are like."""
    seconds: int
    plain: Cost
    cold: Cost
    """The first job, without the load of the engine."""
    warm: Cost
    load_seconds: float
    cold_bytes: int
    """Peak resident memory of the worker after the first job."""
    warm_bytes: int
    """The same after the second."""


def measure_clips(
    video: Path, audio: Path, sizes: list[str], lengths: list[int], plain: PlainTranscode
) -> Iterator[ClipCosts]:
    """Yield the costs of each size and length, made from ``video`` and the wav file ``audio``."""
    for size in sizes:
        for seconds in lengths:
            with tempfile.TemporaryDirectory(prefix="heygem-benchmark-") as folder:
                yield _measure_clip(video, audio, size, seconds, plain, Path(folder))


def _measure_clip(
    video: Path, audio: Path, size: str, seconds: int, plain: PlainTranscode, folder: Path
) -> ClipCosts:
    cold = looped_sound(audio, folder / "cold.wav", seconds)
    warm = looped_sound(audio, folder / "warm.wav", seconds, WARM_SKIP_SECONDS)
    clip = looped_clip(video, cold, folder / "clip.mp4", SIZES[size], seconds)
    return measure_as_is(size, seconds, (cold, warm), clip, plain, folder)


def measure_portrait(plain: PlainTranscode) -> ClipCosts:
    """Return the costs of 20 s of an upright recording of 1080x1920 at 30 pictures a second, as
    phones make them.

    Raises SystemExit where the recording is not there.
    """
    if not PORTRAIT.exists():
        raise SystemExit(f"skipped: {PORTRAIT} is not there; it is not part of this repository")
    with tempfile.TemporaryDirectory(prefix="heygem-benchmark-") as name:
        folder, speech = Path(name), DEMO / "speech.wav"
        cold = looped_sound(speech, folder / "cold.wav", PORTRAIT_SECONDS)
        warm = looped_sound(speech, folder / "warm.wav", PORTRAIT_SECONDS, WARM_SKIP_SECONDS)
        clip = folder / "clip.mp4"
        looped_clip(PORTRAIT, cold, clip, 1080, PORTRAIT_SECONDS, PORTRAIT_FPS)
        return measure_as_is(
            "1080x1920, 30 fps", PORTRAIT_SECONDS, (cold, warm), clip, plain, folder
        )


def measure_as_is(
    size: str,
    seconds: int,
    sounds: tuple[Path, Path],
    clip: Path,
    plain: PlainTranscode,
    folder: Path,
) -> ClipCosts:
    """Return the costs of ``clip`` with the first of ``sounds``, cold, and the second one, warm.

    ``size`` and ``seconds``: what the table calls it.
    """
    cold, warm = sounds
    repeats = SHORT_REPEATS if seconds <= SHORT_SECONDS else 1
    target = folder / "plain.mp4"
    transcodes = [_timed(lambda: plain(cold, clip, target)) for _ in range(repeats)]
    run = render_jobs({"cold": cold, "warm": warm}, clip, folder / "spool")
    first, second = run.reports
    return ClipCosts(
        size,
        seconds,
        min(transcodes, key=lambda cost: cost.wall),
        _job_cost(first, run.load_seconds),
        _job_cost(second, 0.0),
        run.load_seconds,
        first["peak_rss_bytes"],
        second["peak_rss_bytes"],
    )


def _timed(work: Callable[[], object]) -> Cost:
    began, computed = time.monotonic(), time.process_time()
    work()
    return Cost(time.monotonic() - began, time.process_time() - computed)


def _job_cost(report: dict[str, Any], load_seconds: float) -> Cost:
    """Return a job's time from claim to publication, without the load, and its worker's."""
    return Cost(report["seconds"] - load_seconds, sum(report["stage_cpu_seconds"].values()))


def markdown_table(costs: list[ClipCosts]) -> str:
    """Return the table for ``docs/performance.md``."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" + "|---:" * (len(COLUMNS) - 1) + "|"]
    for clip in costs:
        warm, cold = clip.warm.over(clip.plain)[0], clip.cold.over(clip.plain)[0]
        cells = [
            f"{clip.size}, {clip.seconds} s",
            *(f"{cost.wall:.1f} ({cost.cpu:.1f})" for cost in (clip.plain, clip.warm)),
            f"{warm:.2f}",
            f"{clip.cold.wall:.1f} ({clip.cold.cpu:.1f})",
            f"{cold:.2f}",
            f"{clip.load_seconds:.1f}",
            f"{max(clip.cold_bytes, clip.warm_bytes) / MEBIBYTE:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
