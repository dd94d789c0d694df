"""How far sound and picture of a result are apart after ten minutes, by cross-correlation.

``.venv/bin/python -m benchmarks.sync`` renders the demo's presenter at 23.976, 29.97 and 59.94
pictures a second and prints the lag in five parts of each result. A corner of the pictures is
bright or dark at random, and a noise in the sound is loud or quiet with it, so that only the right
lag fits. ``--minutes`` sets the length; the command fails where a lag is above 5 ms.
"""

import argparse
import tempfile
import wave
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import DEMO, resized
from benchmarks.daemon import render_jobs
from heygem_daemon.media.mux import mux_segments
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader

RATES = {
    name: Fraction(n * 1000, 1001) for name, n in (("23.976", 24), ("29.97", 30), ("59.94", 60))
}
LIMIT = 0.005
"""How far apart sound and picture may be, seconds."""
STEP = 0.001
"""Seconds between two values of the series that are correlated."""
WINDOW = 4.0
"""Length of each part that is correlated, seconds."""
PARTS = 5
REACH = 200
"""Lags of up to so many steps are looked for."""
SOUND_RATE = 16000
CORNER = 16
"""Width and height of the part of the pictures whose brightness changes, pixels."""
DARK, BRIGHT = 40, 200
SIZE = 320, 240
UNIT_SECONDS = 10

Series = NDArray[np.float64]


def random_levels(count: int) -> Series:
    """Return 0 or 1 for each of ``count`` pictures, the same in every run."""
    return np.random.default_rng(5).integers(0, 2, count).astype(np.float64)


def write_sound(path: Path, levels: Series, fps: Fraction, speech: Path | None = None) -> Path:
    """Write noise with the level of the picture shown at each moment, over the wav file ``speech``
    of ``SOUND_RATE``; return ``path``."""
    count = round(len(levels) / fps * SOUND_RATE)
    shown = (np.arange(count) / SOUND_RATE * float(fps)).astype(int).clip(max=len(levels) - 1)
    samples = np.random.default_rng(6).uniform(-0.4, 0.4, count) * (0.05 + 0.95 * levels[shown])
    if speech is not None:
        with wave.open(str(speech)) as given:
            voice = np.frombuffer(given.readframes(given.getnframes()), "<i2") / 2**16
        samples += np.resize(voice, count)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SOUND_RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def with_corners(pictures: Iterable[Picture], levels: Series) -> Iterator[Picture]:
    """Yield the pictures with a corner of the brightness of each level."""
    for picture, level in zip(pictures, levels, strict=True):
        luma = picture.y.copy()
        luma[:CORNER, :CORNER] = BRIGHT if level else DARK
        yield replace(picture, y=luma)


def read_levels(path: Path) -> tuple[Series, Series]:
    """Return the sound's level and the corner's brightness at each ``STEP``, timed as players time
    them: by presentation timestamps and edit lists."""
    with av.open(str(path)) as container:
        pieces = []
        for frame in container.decode(container.streams.audio[0]):
            samples = np.abs(frame.to_ndarray().astype(np.float64)).mean(0)
            times = (frame.time or 0) + np.arange(len(samples)) / frame.sample_rate
            pieces.append((times, samples))
    times, samples = (np.concatenate(each) for each in zip(*pieces, strict=True))
    steps = np.floor(times / STEP).astype(int)
    sound = np.bincount(steps[steps >= 0], samples[steps >= 0]).astype(np.float64)
    brightness = np.zeros(len(sound))
    with av.open(str(path)) as container:
        for picture in container.decode(container.streams.video[0]):
            plane = picture.planes[0]
            rows = np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)
            inner = rows[2 : CORNER - 2, 2 : CORNER - 2]
            brightness[round((picture.time or 0) / STEP) :] = inner.mean()
    return sound, brightness


def lags_of(path: Path) -> list[float]:
    """Return by how many seconds the sound comes after the picture, in ``PARTS`` parts of a result
    from its begin to its end."""
    sound, brightness = read_levels(path)
    length = min(round(WINDOW / STEP), len(sound))
    begins = np.linspace(0, len(sound) - length, PARTS).astype(int)
    return [_lag(sound[at : at + length], brightness[at : at + length]) for at in begins]


def _lag(sound: Series, brightness: Series) -> float:
    inner = sound[REACH:-REACH] - sound[REACH:-REACH].mean()
    fits = np.correlate(brightness - brightness.mean(), inner, "valid")
    return (REACH - int(fits.argmax())) * STEP


def write_clip(folder: Path, fps: Fraction, minutes: float) -> tuple[Path, Path]:
    """Write a sound and a video of the presenter, a multiple of ``UNIT_SECONDS`` long."""
    repeats = max(1, round(minutes * 60 / UNIT_SECONDS))
    unit_levels = random_levels(round(UNIT_SECONDS * fps))
    levels = np.tile(unit_levels, repeats)
    sound = write_sound(folder / "sound.wav", levels, fps, DEMO / "speech.wav")
    unit, video = folder / "unit.mp4", folder / "video.mp4"
    with VideoReader(DEMO / "presenter.mp4") as reader:
        half = len(unit_levels) // 2
        steps = (np.arange(half) * float(reader.info.fps / fps)).astype(int)
        order = np.concatenate([steps, steps[::-1], steps[: len(unit_levels) - 2 * half]])
        pictures = (resized(each, *SIZE) for each in reader.read_indices(order.tolist()))
        with SegmentWriter(unit, *SIZE, fps, reader.info.colour) as writer:
            for picture in with_corners(pictures, unit_levels):
                writer.write(picture)
    mux_segments([unit] * repeats, sound, video, fps, len(levels), len(levels) / fps)
    return sound, video


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    worst = 0.0
    for name, fps in RATES.items():
        with tempfile.TemporaryDirectory(prefix="heygem-benchmark-") as folder:
            sound, video = write_clip(Path(folder), fps, arguments.minutes)
            render_jobs({"sync": sound}, video, Path(folder) / "spool")
            lags = lags_of(Path(folder) / "spool" / "outbox" / "sync.mp4")
        worst = max(worst, *map(abs, lags))
        print(f"{name}: {', '.join(f'{1000 * lag:+.0f}' for lag in lags)} ms", flush=True)
    if worst > LIMIT:
        raise SystemExit(f"more than {1000 * LIMIT:.0f} ms apart")


if __name__ == "__main__":
    main()
