"""How throughput grows with the workers on the CPU: ``python -m benchmarks.scaling``.

Renders the same number of jobs with 1, 2, 4 … workers, in one run: once where each video is new
(cold), once where all jobs show a video whose template is cached (warm). ``--kinds shared`` renders
one job of ``--seconds`` instead, whose video all workers track and whose chunks they draw, and
compares the pictures bit for bit. ``--simulate CORES`` simulates a machine of that many cores, with
jobs that only take time, and compares the scheduler with the ideal.
"""

import argparse
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import av
from loguru import logger

from benchmarks.clips import DEMO, looped_clip, looped_sound
from benchmarks.simulated_machine import simulate

SIMULATED_JOBS = 160
LEAST_SECONDS, MORE_SECONDS = 9.0, 3.0
"""How long the shortest simulated job takes, and how much more the longest one."""
LOAD_SECONDS = 3.0
"""How long a simulated worker loads its engine."""
SETTLE_SECONDS = 0.5
COLOURS = {"cold": "#457b9d", "warm": "#2a9d8f", "shared": "#e9c46a"}
LEFT, WIDTH, ROW = 150, 360, 24
"""Pixels of the plot: the labels, the longest bar, and a row."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Some jobs with one number of workers."""

    workers: int
    kind: str
    """cold, warm, or shared."""
    jobs: int
    seconds: float
    """From the start of the daemon to its end."""
    cpu_seconds: float
    """Processor time of the daemon and its workers."""
    digest: str
    """SHA-256 of the pictures of a shared job; empty for others."""
    chunks: int = 0
    """How many chunks the job had."""
    shared: int = 0
    """How many of them other workers drew than the job's own."""

    @property
    def title(self) -> str:
        """What was measured, in words."""
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        return f"{self.kind}, {workers}"

    @property
    def jobs_per_hour(self) -> float:
        return 3600 * self.jobs / self.seconds

    @property
    def cores_busy(self) -> float:
        """How many cores were busy, in the mean."""
        return self.cpu_seconds / self.seconds


def measure(clip: Path, sound: Path, jobs: int, workers: int, kind: str) -> Throughput:
    """Render ``jobs`` jobs with ``workers`` workers on the CPU. Raises SystemExit where one
    fails."""
    with tempfile.TemporaryDirectory(dir=clip.parent) as folder:
        spool = Path(folder) / "spool"
        if kind == "warm":
            drop(spool, "first", sound, clip)
            run_daemon(spool, 1)
        for number in range(jobs):
            drop(spool, f"job-{number:02d}", sound, clip, number if kind == "cold" else None)
        began, before = time.monotonic(), children_seconds()
        run_daemon(spool, workers)
        seconds, spent = time.monotonic() - began, children_seconds() - before
        results = sorted((spool / "outbox").glob("job-*.mp4"))
        if len(results) != jobs:
            raise SystemExit(f"{len(results)} of {jobs} jobs were rendered")
        if kind != "shared":
            return Throughput(workers, kind, jobs, seconds, spent, "")
        digest = hash_pictures(results[0])
        chunks = json.loads(results[0].with_suffix(".json").read_text())["chunks"]
    counts = chunks["drawn"] + chunks["shared"], chunks["shared"]
    return Throughput(workers, kind, jobs, seconds, spent, digest, *counts)


def hash_pictures(video: Path) -> str:
    """Return the SHA-256 of all decoded pictures. The encoded bytes may differ where the pictures
    do not: x264 may choose another of two predictions that have the same effect."""
    found = sha256()
    with av.open(str(video)) as container:
        for picture in container.decode(video=0):
            found.update(picture.to_ndarray().tobytes())
    return found.hexdigest()


def drop(spool: Path, name: str, sound: Path, clip: Path, mark: int | None = None) -> None:
    """Put a pair into the inbox. ``mark``: makes the video one that the daemon has not seen; None:
    it is as it is."""
    inbox = spool / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sound, inbox / f"{name}.wav")
    shutil.copyfile(clip, inbox / f"{name}.mp4")
    if mark is not None:  # a box that players skip, ISO/IEC 14496-12
        with (inbox / f"{name}.mp4").open("ab") as file:
            file.write(struct.pack(">I4sI", 12, b"free", mark))


def run_daemon(spool: Path, workers: int) -> None:
    """Work off the inbox. Raises CalledProcessError where a job fails."""
    settings = {
        "SPOOL": str(spool),
        "DEVICE": "cpu",
        "CPU_WORKERS": str(workers),
        "SETTLE_SECONDS": str(SETTLE_SECONDS),
    }
    environment = {f"HEYGEM_{name}": value for name, value in settings.items()}
    command = [str(Path(sys.executable).with_name("heygem-daemon")), "once"]
    subprocess.run(command, env=os.environ | environment, check=True, stderr=subprocess.DEVNULL)


def children_seconds() -> float:
    """Return the processor time of all child processes that have ended, and of theirs."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def table(found: Sequence[Throughput]) -> Iterator[str]:
    """Yield the lines of a table: each is compared with one worker."""
    yield "| templates, workers | seconds | jobs an hour | against one worker | cores busy |"
    yield "|---|---|---|---|---|"
    alone = {each.kind: each for each in found if each.workers == 1}
    for each in found:
        gain = each.jobs_per_hour / alone[each.kind].jobs_per_hour
        yield (
            f"| {each.title} | {each.seconds:.1f} | {each.jobs_per_hour:.0f} | {gain:.2f} |"
            f" {each.cores_busy:.2f} |"
        )


def plot(found: Sequence[Throughput]) -> str:
    """Return an SVG with a bar for each measurement: jobs an hour."""
    most = max(each.jobs_per_hour for each in found)
    rows = []
    for number, each in enumerate(found):
        top, length = number * ROW, WIDTH * each.jobs_per_hour / most
        colour = COLOURS[each.kind]
        rows.append(
            f'<text x="{LEFT - 6}" y="{top + 16}" text-anchor="end">{each.title}</text>'
            f'<rect x="{LEFT}" y="{top + 4}" width="{length:.0f}" height="16" fill="{colour}"/>'
            f'<text x="{LEFT + length + 6:.0f}" y="{top + 16}">{each.jobs_per_hour:.0f}</text>'
        )
    size = f'width="{LEFT + WIDTH + 60}" height="{ROW * len(found)}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" '
        'font-size="12">\n' + "\n".join(rows) + "\n</svg>\n"
    )


def simulate_machine(cores: int) -> str:
    """Return in words how the scheduler used a simulated machine."""
    durations = [LEAST_SECONDS + MORE_SECONDS * (7 * k % 16) / 15 for k in range(SIMULATED_JOBS)]
    with tempfile.TemporaryDirectory() as folder:
        found = simulate(Path(folder) / "spool", cores, durations, LOAD_SECONDS)
    return (
        f"{SIMULATED_JOBS} jobs of {LEAST_SECONDS:g} to {LEAST_SECONDS + MORE_SECONDS:g} s on "
        f"{found.cores} cores: {found.seconds:.1f} s, {100 * found.share_of_ideal:.1f} % of the "
        f"ideal {found.ideal_seconds:.1f} s; while jobs waited "
        f"{100 * found.busy_while_waiting:.1f} % of the cores were busy"
    )


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=10, help="length of a job, a multiple of 10")
    parser.add_argument("--lines", type=int, default=1080, help="lines of the video")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--kinds", nargs="+", default=["cold", "warm"], choices=list(COLOURS))
    parser.add_argument("--plot", type=Path, help="SVG to write")
    parser.add_argument("--simulate", type=int, metavar="CORES", help="simulate a machine instead")
    options = parser.parse_args()
    if options.simulate:
        logger.remove()  # thousands of lines of the daemon
        print(simulate_machine(options.simulate))
        return
    with tempfile.TemporaryDirectory() as folder:
        sound = looped_sound(DEMO / "speech.wav", Path(folder) / "a.wav", options.seconds)
        video, target = DEMO / "presenter.mp4", Path(folder) / "a.mp4"
        clip = looped_clip(video, sound, target, options.lines, options.seconds)
        found = [
            measure(clip, sound, 1 if kind == "shared" else options.jobs, workers, kind)
            for kind in options.kinds
            for workers in options.workers
        ]
    print("\n".join(table(found)))
    shared = [each for each in found if each.kind == "shared"]
    for each in shared:
        print(f"{each.title}: {each.shared} of {each.chunks} chunks were drawn by others")
    if shared:
        is_equal = len({each.digest for each in shared}) == 1
        print("all pictures are equal" if is_equal else "THE PICTURES DIFFER")
    if options.plot:
        options.plot.write_text(plot(found))


if __name__ == "__main__":
    main()
