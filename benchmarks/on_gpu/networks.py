"""The engines without decoder and encoder: speed on the device, and difference from float32."""

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks import wav2lip
from benchmarks.on_gpu.bench import Bench, Rows
from heygem_daemon.device.precision import dtype_name
from heygem_daemon.engines.base import Device, Engine
from heygem_daemon.engines.builtin.audio.guarded_precision import GuardedEncoder
from heygem_daemon.engines.builtin.audio.heads import HeadEnsemble
from heygem_daemon.engines.builtin.audio.listening import AudioModel
from heygem_daemon.engines.checkpoints import BUILTIN_FOLDER
from heygem_daemon.engines.registry import load_engine
from heygem_daemon.engines.wav2lip.checkpoint import load_generator
from heygem_daemon.engines.wav2lip.dtype_choice import measure_modes
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.protocol import RenderOptions
from heygem_daemon.render.draw import RenderContext, paint, split_batches
from heygem_daemon.render.template import prepare_template
from heygem_daemon.speech.encoder import WhisperEncoder
from heygem_daemon.system.checksum import sha256_of

FRAMES = 250
COMPARED = 50
REPEATS = 2
ROUNDS = 3


@dataclass(frozen=True)
class Studio:
    """An engine that is ready to draw decoded pictures."""

    engine: Engine[Any]
    scene: RenderContext
    pictures: list[Picture]

    def draw(self) -> list[Picture]:
        size = self.engine.batch
        parts = split_batches(enumerate(self.pictures), lambda: size)
        return [picture for part in parts for picture in paint(self.scene, part)]


@contextmanager
def studio(bench: Bench, name: str, device: Device, frames: int) -> Iterator[Studio]:
    """Load the engine on ``device`` with the beginning of the large clip."""
    cache = bench.folder / "cache"
    engine = load_engine(name, bench.weights, device, cache)
    video = bench.large.video
    with VideoReader(video) as reader:
        pictures = list(reader.read_range(0, min(frames, reader.frame_count)))
        template = prepare_template(
            reader, sha256_of(video), len(pictures), engine.tracker, cache, lambda *_: None
        )
        timeline = Timeline(reader.info.fps, np.arange(len(pictures), dtype=np.int32))
        speech = engine.extract_features(read_waveform(bench.large.audio))
        performance = engine.plan_performance(template, speech, timeline)
        yield Studio(
            engine, RenderContext(reader, timeline, engine, performance, RenderOptions()), pictures
        )


def networks(bench: Bench) -> Rows:
    """Return the speed of everything that runs on the device."""
    device = wav2lip.device_of(bench.torch_device)
    for name in ("builtin", "wav2lip"):
        with studio(bench, name, device, FRAMES) as made:
            count = len(made.pictures)
            sound = list(read_waveform(bench.large.audio))
            yield f"{name}: draws and composites, 1080 lines, pictures/s", _rate(made.draw, count)
            listen = seconds_of(lambda: made.engine.extract_features(sound))  # noqa: B023 - called at once
            yield (
                f"{name}: audio model, seconds of sound per second",
                f"{bench.seconds / listen:.0f}",
            )
            if name == "builtin":
                track = made.engine.tracker.track
                yield "tracks, pictures/s", _rate(lambda: track(made.pictures), count)  # noqa: B023
    checkpoint = bench.weights / "random.pth"
    rounds = 1 if bench.quick else ROUNDS
    yield from wav2lip.network(wav2lip.Bench(bench.folder, checkpoint, device), rounds)


def precision(bench: Bench) -> Rows:
    """Compare pictures of the device with float32 on the CPU, in code values of luma, 0-255."""
    device = wav2lip.device_of(bench.torch_device)
    for name in ("builtin", "wav2lip"):
        with studio(bench, name, Device(), COMPARED) as exact:
            truth = exact.draw()
        with studio(bench, name, device, COMPARED) as made:
            types = f"{made.engine.precision} against {exact.engine.precision} on the CPU"
            yield f"{name} with the chosen precision, {types}", drift(truth, made.draw())
    yield from hearing(bench)
    generator, _ = load_generator(bench.weights / "random.pth")
    for choice in measure_modes(generator, torch.device(bench.torch_device)):
        yield (
            f"wav2lip in {choice.precision}, batch {choice.batch}: pictures/s; error, of 1/255",
            f"{choice.pictures_per_second:.0f}; {choice.error * 255:.4f}",
        )


def hearing(bench: Bench) -> Rows:
    """Compare the built-in engine's scores of the demo's speech in half precision with float32."""
    device, folder = torch.device(bench.torch_device), bench.weights / BUILTIN_FOLDER
    encoder, heads = WhisperEncoder.load(folder, device), HeadEnsemble.load(folder, device)
    sound = list(read_waveform(bench.demo.audio))

    def listen(kind: torch.dtype) -> tuple[np.ndarray, str]:
        coarse = None if kind == torch.float32 else copy.deepcopy(encoder).to(kind)
        listener = AudioModel(GuardedEncoder(encoder, coarse, ""), heads, device)
        score = listener.listen(sound).scores
        return score, dtype_name(listener.encoder.precision)

    truth, _ = listen(torch.float32)
    for kind in (torch.float16, torch.bfloat16):
        score, used = listen(kind)
        errors = np.abs(score - truth)
        yield (
            f"builtin encodes in {dtype_name(kind)} (used: {used}): score errors, in deviations",
            f"mean {errors.mean():.4f}, worst {errors.max():.3f}",
        )


def drift(truth: list[Picture], drawn: list[Picture]) -> str:
    """Describe the differences of luma over all pictures."""
    differences = [
        np.abs(one.y.astype(np.int16) - other.y.astype(np.int16))
        for one, other in zip(truth, drawn, strict=True)
    ]
    changed = np.concatenate([each[each > 0] for each in differences])
    pixels = sum(each.size for each in differences)
    worst = int(changed.max(initial=0))
    share = f"{len(changed) / pixels:.3%} of all pixels differ"
    return f"{share}, these by {_mean(changed):.2f} on average, {worst} at worst"


def seconds_of(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest run."""
    spent = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def _rate(work: Callable[[], object], count: int) -> str:
    return f"{count / seconds_of(work):.0f}"


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0
