"""What tracking, drawing and listening cost on one core, and how much the weights weigh."""

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
"""Ten seconds: what is done once a shot, as looking for faces, has its usual share."""
REPEATS = 3
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Costs:
    """Milliseconds a frame of a video of ``size``, the best of three runs; weights in MB; seconds
    of listening over seconds of sound."""

    size: str
    track: float
    draw: float
    weights: float
    listen: float


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
        scene = RenderContext(reader, timeline, engine, performance, RenderOptions())

        def draw() -> None:
            for batch in split_batches(enumerate(pictures), lambda: engine.batch):
                paint(scene, batch)

        return Costs(
            size=f"{reader.info.width}x{reader.info.height}",
            track=1000 * best(lambda: engine.tracker.track(pictures)) / len(pictures),
            draw=1000 * best(draw) / len(pictures),
            weights=weights_megabytes(),
            listen=listening_share(sound, engine.listener),
        )


def best(work: Callable[[], object]) -> float:
    """Processor seconds of the quickest of three runs: other programs' turns do not count."""
    seconds = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return min(seconds)


def listening_share(sound: Path, listener: AudioModel) -> float:
    """Seconds of listening for a second of sound, for half a minute of it."""
    samples = np.concatenate(list(read_waveform(sound)))
    long = np.tile(samples, 1 + 30 * 16_000 // max(1, len(samples)))
    return best(lambda: listener.listen([long])) / float(Fraction(len(long), 16_000))


def weights_megabytes() -> float:
    """All weights of the repository that the engine needs."""
    return sum(path.stat().st_size for path in (ROOT / "weights").rglob("*.safetensors")) / MEGABYTE
