"""The cost of tracking, drawing and listening on one core, and the size of the weights."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.lips.material import ROOT, Face
from benchmarks.lips.studio import Studio
from heygem_daemon.engines.builtin.audio.listening import AudioModel
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.protocol import RenderOptions
from heygem_daemon.render.draw import RenderContext, paint, split_batches
from heygem_daemon.render.template import prepare_template
from heygem_daemon.system.checksum import sha256_of

FRAMES = 250
"""Ten seconds: work that is done once per shot, such as face detection, has its usual share."""
REPEATS = 3
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs, each the best of three runs."""

    size: str
    """Width and height of the video."""
    track: float
    """Tracking, ms per frame."""
    draw: float
    """Drawing, ms per frame."""
    weights: float
    """Size of the weights, MB."""
    listen: float
    """Seconds of computation per second of audio."""


def costs_of(face: Face, sound: Path, studio: Studio) -> Costs:
    """Measure with decoded pictures in memory and one compute thread: no decoder, no encoder."""
    engine = studio.engine
    with VideoReader(face.video) as reader:
        pictures = list(reader.read_range(0, min(FRAMES, reader.frame_count)))
        template = prepare_template(
            reader, sha256_of(face.video), 1, engine.tracker, studio.cache, lambda *_: None
        )
        timeline = Timeline(reader.info.fps, np.arange(len(pictures), dtype=np.int32))
        performance = engine.plan_performance(
            template, engine.extract_features(read_waveform(sound)), timeline
        )
        context = RenderContext(reader, timeline, engine, performance, RenderOptions())

        def draw() -> None:
            for batch in split_batches(enumerate(pictures), lambda: engine.batch):
                paint(context, batch)

        return Costs(
            size=f"{reader.info.width}x{reader.info.height}",
            track=1000 * best(lambda: engine.tracker.track(pictures)) / len(pictures),
            draw=1000 * best(draw) / len(pictures),
            weights=weights_megabytes(),
            listen=listening_share(sound, engine.listener),
        )


def best(work: Callable[[], object]) -> float:
    """Return the processor seconds of the fastest of three runs; other programs do not count."""
    seconds = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return min(seconds)


def listening_share(sound: Path, listener: AudioModel) -> float:
    """Return the seconds of listening per second of audio, over half a minute of it."""
    samples = np.concatenate(list(read_waveform(sound)))
    long = np.tile(samples, 1 + 30 * 16_000 // max(1, len(samples)))
    return best(lambda: listener.listen([long])) / float(Fraction(len(long), 16_000))


def weights_megabytes() -> float:
    """Return the size of all weights that the engine needs, MB."""
    return sum(path.stat().st_size for path in (ROOT / "weights").rglob("*.safetensors")) / MEGABYTE
