"""What the engine ``wav2lip`` costs: the network alone, a whole job, and memory of long jobs.

``.venv/bin/python -m benchmarks.wav2lip`` prints tables in Markdown. Without ``--checkpoint`` the
weights are random, which cost the same. The clip is the beginning of the demo video, scaled up to
1080 lines; ``--video`` takes another. ``--script`` also times the published script, beside its
reproduction in ``benchmarks.original``. All of them know the face box beforehand; this engine also
knows the track. Each job has a process of its own, because the peak memory of a process never
falls.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from benchmarks.clips import DEMO, enlarged_clip, looped_sound
from benchmarks.job import plain_transcode
from benchmarks.original import BATCH, original
from benchmarks.script import Script
from heygem_daemon.device.precision import dtype_name
from heygem_daemon.engines.base import Box, Device, Template
from heygem_daemon.engines.checkpoints import BUILTIN_FOLDER
from heygem_daemon.engines.registry import load_engine
from heygem_daemon.engines.wav2lip.boxes import face_boxes
from heygem_daemon.engines.wav2lip.checkpoint import load_generator
from heygem_daemon.engines.wav2lip.dtype_choice import choose_mode
from heygem_daemon.engines.wav2lip.engine import Wav2LipEngine
from heygem_daemon.engines.wav2lip.layout import WAV2LIP_96
from heygem_daemon.engines.wav2lip.network import Generator
from heygem_daemon.engines.wav2lip.runner import GeneratorRunner
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import Render, RenderOptions
from heygem_daemon.render.pipeline import render_job
from heygem_daemon.render.template import prepare_template
from heygem_daemon.system.checksum import sha256_of

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "weights"
MEBIBYTE = 1 << 20
Value = TypeVar("Value")
PARTS = ("network", "job", "memory")


@dataclass(frozen=True, slots=True)
class Bench:
    """The files of a run and the device."""

    folder: Path
    checkpoint: Path
    device: Device

    @property
    def weights(self) -> Path:
        return self.folder / "weights"

    @property
    def clip(self) -> Path:
        return self.folder / "clip.mp4"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def sound(self, seconds: float) -> Path:
        """Return a sound of that length; the first call makes it."""
        path = self.folder / f"sound-{seconds:g}.wav"
        return path if path.exists() else looped_sound(DEMO / "speech.wav", path, seconds)

    def engine(self) -> Wav2LipEngine:
        engine = load_engine("wav2lip", self.weights, self.device, self.cache)
        assert isinstance(engine, Wav2LipEngine)
        return engine


def set_up(
    folder: Path,
    checkpoint: Path | None,
    clip_seconds: float,
    device: Device,
    video: Path | None = None,
) -> Bench:
    """Put weights, checkpoint and clip (``video``, or one made from the demo) into ``folder``."""
    weights = folder / "weights"
    if not weights.exists():
        weights.mkdir(parents=True)
        (weights / BUILTIN_FOLDER).symlink_to(WEIGHTS / BUILTIN_FOLDER)
        if checkpoint is None:
            torch.manual_seed(1)
            state = Generator(WAV2LIP_96).state_dict()
            torch.save({"state_dict": state}, weights / "random.pth")
        else:
            (weights / checkpoint.name).symlink_to(checkpoint.absolute())
    (used,) = (path for path in weights.iterdir() if path.name != BUILTIN_FOLDER)
    bench = Bench(folder, used, device)
    if not bench.clip.exists() and video is not None:
        bench.clip.symlink_to(video.absolute())
    if not bench.clip.exists():
        enlarged_clip(DEMO / "presenter.mp4", bench.clip, clip_seconds)
    return bench


def network(bench: Bench, rounds: int) -> Iterator[tuple[str, str]]:
    """Compare a plain float32 network in batches of 128 with this engine's, taking turns."""
    generator, layout = load_generator(bench.checkpoint)
    where = torch.device(bench.device.torch_device)
    choice = choose_mode(generator, sha256_of(bench.checkpoint), where, bench.cache)
    yield "peak memory after the choice of precision, MiB", f"{peak() / MEBIBYTE:.0f}"
    runner = GeneratorRunner(generator, choice.mode, where)
    plain = generator.to(where)
    mels, pictures = torch.rand(BATCH, 1, 80, 16), torch.rand(BATCH, 6, layout.size, layout.size)

    def draw_plain() -> Tensor:
        with torch.no_grad():
            drawn: Tensor = plain(mels.to(where), pictures.to(where)).cpu()
        return drawn

    slow, fast = in_turn(draw_plain, lambda: runner(mels, pictures).cpu(), rounds)
    engine = f"this engine, {dtype_name(runner.precision)}, batch {runner.batching.max_size}"
    yield "plain float32, batch 128, pictures/s", f"{BATCH / slow.wall:.1f}"
    yield f"{engine}, pictures/s", f"{BATCH / fast.wall:.1f}"
    yield "ratio", f"{slow.wall / fast.wall:.2f}"
    yield "plain float32, processor time per picture, ms", f"{slow.processor / BATCH * 1e3:.1f}"
    yield f"{engine}, processor time per picture, ms", f"{fast.processor / BATCH * 1e3:.1f}"
    yield "ratio of processor times", f"{slow.processor / fast.processor:.2f}"
    yield "mean error against float32, of 1/255", f"{choice.error * 255:.3f}"


@dataclass(frozen=True, slots=True)
class Spent:
    """What a call takes, in seconds."""

    wall: float
    processor: float
    """Of all processors together; other programs disturb it far less than ``wall``."""


def timed(call: Callable[[], Value]) -> tuple[Value, Spent]:
    """Return the value of ``call()`` and the time it took."""
    wall, processor = time.perf_counter(), time.process_time()
    value = call()
    return value, Spent(time.perf_counter() - wall, time.process_time() - processor)


def in_turn(
    first: Callable[[], object], second: Callable[[], object], rounds: int
) -> tuple[Spent, Spent]:
    """Return the least times of two calls that take turns, after a warm-up call of each."""
    spent: tuple[list[Spent], list[Spent]] = ([], [])
    for number in range(rounds + 1):
        for call, each in zip((first, second), spent, strict=True):
            _, taken = timed(call)
            if number:
                each.append(taken)
    return _least(spent[0]), _least(spent[1])


def _least(spent: list[Spent]) -> Spent:
    return Spent(min(each.wall for each in spent), min(each.processor for each in spent))


def our_job(bench: Bench, seconds: float) -> dict[str, float]:
    """Render a job with this engine: frames, seconds without loading and tracking, peak bytes."""
    engine = bench.engine()
    track(bench, engine, seconds)
    order = Render(
        job_id="benchmark",
        audio=str(bench.sound(seconds)),
        video=str(bench.clip),
        workspace=str(bench.folder / f"work-{seconds:g}"),
        options=RenderOptions(strip=False),
    )
    shutil.rmtree(order.workspace, ignore_errors=True)
    rendered, spent = timed(
        lambda: render_job(engine, order, bench.cache, lambda _: None, lambda: False)
    )
    report = json.loads(Path(rendered.report).read_text())
    return {"frames": report["output"]["frames"], **asdict(spent), "peak": peak()}


def original_job(bench: Bench, seconds: float) -> dict[str, float]:
    """Render a job with the original's steps, with the box of the clip's first picture."""
    box = first_box(bench, seconds)
    generator, _ = load_generator(bench.checkpoint)
    target = bench.folder / "original.mp4"
    sound = bench.sound(seconds)
    frames, spent = timed(lambda: original(generator, sound, bench.clip, box, target))
    return {"frames": frames, **asdict(spent), "peak": peak()}


def first_box(bench: Bench, seconds: float) -> Box:
    """Return this engine's face box in the clip's first picture; stored for the other process."""
    kept = bench.folder / "box.json"
    if not kept.exists():
        engine = bench.engine()
        template = track(bench, engine, seconds)
        box = face_boxes(template.track, engine.reference_face, template.width, template.height)[0]
        assert box is not None
        kept.write_text(json.dumps([box.left, box.top, box.right, box.bottom]))
    return Box(*json.loads(kept.read_text()))


def track(bench: Bench, engine: Wav2LipEngine, seconds: float) -> Template:
    """Return the clip's template; every job but the first of a video finds it in the cache."""
    with VideoReader(bench.clip) as reader:
        needed = min(reader.frame_count, round(seconds * reader.info.fps))
        content = sha256_of(bench.clip)
        return prepare_template(
            reader, content, needed, engine.tracker, bench.cache, lambda *_: None
        )


def peak() -> int:
    """Return the peak resident memory of this process in bytes.

    getrusage(2) would include the process that started this one, up to that moment.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def script_job(bench: Bench, script: Script, seconds: float) -> tuple[float, float]:
    """Render a job with the published script. Returns wall and processor seconds."""
    return script.job(
        bench.checkpoint.resolve(),
        bench.sound(seconds),
        bench.clip,
        first_box(bench, seconds),
        bench.folder / "script.mp4",
    )


def in_a_process(job: str, bench: Bench, seconds: float) -> dict[str, float]:
    """Run ``our_job`` or ``original_job`` in a process of its own, set up like a worker."""
    heap = {"MALLOC_ARENA_MAX": "1"} if job == "ours" else {}
    child = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.wav2lip", "--folder", str(bench.folder)),
            *("--device", bench.device.torch_device, "--child", job, "--seconds", f"{seconds:g}"),
        ],
        cwd=ROOT,
        env=os.environ | heap,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    result: dict[str, float] = json.loads(child.stdout.splitlines()[-1])
    return result


def jobs(bench: Bench, seconds: float, script: Script | None) -> Iterator[tuple[str, str]]:
    """Compare a whole job with this engine, with the original's steps and with the script, and a
    plain transcode of the same frames."""
    first_box(bench, seconds)
    ours, original_way = (in_a_process(job, bench, seconds) for job in ("ours", "original"))
    plain, _ = plain_transcode(bench.sound(seconds), bench.clip, bench.folder / "plain.mp4")
    yield "plain transcode, s", f"{plain:.1f}"
    for name, job in (("this engine", ours), ("original's way", original_way)):
        yield f"{name}, s", f"{job['wall']:.1f}"
        yield f"{name}, s of processor time", f"{job['processor']:.1f}"
        yield f"{name}, frames/s", f"{job['frames'] / job['wall']:.1f}"
        yield f"{name}, peak memory, MiB", f"{job['peak'] / MEBIBYTE:.0f}"
    yield "this engine / plain transcode", f"{ours['wall'] / plain:.1f}"
    yield "original's way / this engine", f"{original_way['wall'] / ours['wall']:.2f}"
    yield "the same in processor time", f"{original_way['processor'] / ours['processor']:.2f}"
    if script is not None:
        wall, processor = script_job(bench, script, seconds)
        yield "the original script, s", f"{wall:.1f}"
        yield "the original script, s of processor time", f"{processor:.1f}"
        yield "the original script / this engine", f"{wall / ours['wall']:.2f}"
        yield "the same in processor time", f"{processor / ours['processor']:.2f}"


def memory(bench: Bench, lengths: list[float]) -> Iterator[tuple[str, str]]:
    """Return this engine's peak memory for sounds of several lengths."""
    peaks = [in_a_process("ours", bench, seconds)["peak"] for seconds in lengths]
    for seconds, found in zip(lengths, peaks, strict=True):
        yield f"peak for {seconds:g} s, MiB", f"{found / MEBIBYTE:.0f}"
    yield "longest over shortest", f"{peaks[-1] / peaks[0]:.3f}"


def size_of(clip: Path) -> str:
    """Return width x height of a video."""
    with VideoReader(clip) as reader:
        return f"{reader.info.width}x{reader.info.height}"


def show(title: str, rows: Iterator[tuple[str, str]]) -> None:
    """Print a table in Markdown, each row as soon as it is known."""
    print(f"\n| {title} | |\n|---|---:|", flush=True)
    for name, value in rows:
        print(f"| {name} | {value} |", flush=True)


def device_of(name: str) -> Device:
    """Return the device that torch calls ``name``."""
    shown = torch.cuda.get_device_name(name) if name.startswith("cuda") else "CPU"
    return Device(name, shown)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, help="default: random weights")
    parser.add_argument("--video", type=Path, help="a clip of your own instead of the demo's")
    parser.add_argument(
        "--script", help="command of the published inference.py, as 'env/bin/python inference.py'"
    )
    parser.add_argument("--script-folder", type=Path, default=Path(), help="its clone")
    parser.add_argument("--folder", type=Path, help="where clip, track and results are kept")
    parser.add_argument("--device", default="cpu", help="cpu or cuda:0")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seconds", type=float, default=20, help="length of the job")
    parser.add_argument("--lengths", type=float, nargs="+", default=[20, 120])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=("ours", "original"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heygem-benchmark-") as scratch:
        device = device_of(given.device)
        folder = given.folder or Path(scratch)
        bench = set_up(folder, given.checkpoint, given.seconds, device, given.video)
        if given.child:
            job = our_job if given.child == "ours" else original_job
            print(json.dumps(job(bench, given.seconds)))
            return
        print(f"{device.name}, {torch.get_num_threads()} threads, torch {torch.__version__}")
        if "network" in given.parts:
            show("network alone", network(bench, given.rounds))
        if "job" in given.parts:
            script = given.script and Script(given.script, given.script_folder)
            rows = jobs(bench, given.seconds, script)
            show(f"a job of {given.seconds:g} s, {size_of(bench.clip)}", rows)
        if "memory" in given.parts:
            show("memory of long jobs", memory(bench, given.lengths))


if __name__ == "__main__":
    main()
