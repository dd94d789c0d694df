"""Measure the engines and whole jobs on this machine's GPU, in less than eight minutes.

``.venv/bin/python -m benchmarks.gpu --target table.md`` on a machine with an NVIDIA GPU; without
one, ``--device cpu --quick`` runs the same steps. It needs neither network nor hardware encoder.
The Wav2Lip checkpoint has random weights, which cost the same. Each part runs in a process of its
own with a time limit; what it has printed is kept.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.on_gpu.bench import ROOT, Bench, Rows, make
from benchmarks.on_gpu.parts import Part, run_parts

TOTAL_SECONDS = 465.0
PARTS = (
    Part("machine", 75),
    Part("media", 90),
    Part("builtin", 80),
    Part("wav2lip", 80),
    Part("residency", 30),
    Part("networks", 60),
    Part("crowd-builtin", 75),
    Part("crowd-wav2lip", 75),
    Part("workers", 60),
    Part("precision", 60),
)
"""The most important first, in case the time runs out."""
QUICK_SECONDS = 1.0
STOPPED = 128 + signal.SIGTERM
CPU_FACTOR = 5.0
"""Factor of all time limits on a CPU, where the benchmark itself is tried out."""


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = [part.name for part in PARTS]
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--parts", nargs="+", choices=names, default=names)
    parser.add_argument("--seconds", type=float, default=60, help="length of the large clip")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SECONDS:g} s instead")
    parser.add_argument("--target", type=Path, help="write the tables here as well")
    parser.add_argument(
        "--total", type=float, default=TOTAL_SECONDS, help="time limit of all parts, seconds"
    )
    parser.add_argument("--folder", type=Path, help="keep the files here")
    parser.add_argument("--part", choices=names, help=argparse.SUPPRESS)
    given = parser.parse_args()
    seconds = QUICK_SECONDS if given.quick else given.seconds
    if given.part:
        show(Bench(given.folder, given.device, seconds), given.part)
        return
    with tempfile.TemporaryDirectory(prefix="heygem-gpu-") as scratch:
        folder = (given.folder or Path(scratch)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            *(sys.executable, "-m", "benchmarks.gpu", "--device", given.device),
            *("--seconds", f"{seconds:g}", "--folder", str(folder), "--part"),
        ]
        target = given.target.absolute() if given.target else None
        os.chdir(ROOT)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))  # ends the running part too
        factor = CPU_FACTOR if given.device == "cpu" else 1.0
        chosen = [
            Part(part.name, part.seconds * factor) for part in PARTS if part.name in given.parts
        ]
        succeeded = run_parts(chosen, command, given.total * factor, target)
        sys.exit(0 if succeeded else 1)


def show(bench: Bench, name: str) -> None:
    """Print the table of one part in Markdown, each row as soon as it is known."""
    from benchmarks.on_gpu import crowd, jobs, machine, networks  # noqa: PLC0415 - torch is slow
    from benchmarks.wav2lip import show as table  # noqa: PLC0415

    rows: dict[str, tuple[str, Callable[[], Rows]]] = {
        "machine": ("machine and doctor", lambda: machine.machine(bench)),
        "media": ("plain transcodes", lambda: media(bench)),
        "builtin": ("jobs, engine builtin", lambda: jobs.jobs(bench, "builtin")),
        "wav2lip": ("jobs, engine wav2lip", lambda: jobs.jobs(bench, "wav2lip")),
        "residency": ("residency", lambda: jobs.residency(bench)),
        "networks": ("networks alone", lambda: networks.networks(bench)),
        "crowd-builtin": ("another tenant, builtin", lambda: crowd.crowd(bench, "builtin")),
        "crowd-wav2lip": ("another tenant, wav2lip", lambda: crowd.crowd(bench, "wav2lip")),
        "workers": ("two workers on one device", lambda: jobs.workers(bench)),
        "precision": ("precision", lambda: networks.precision(bench)),
    }
    title, made = rows[name]
    try:
        table(title, made())
    except Exception as error:
        print(f"| failed | {type(error).__name__}: {error} |", flush=True)
        raise


def media(bench: Bench) -> Rows:
    """Make weights and media, and time a plain transcode of each pair."""
    make(bench)
    for pair in (bench.demo, bench.large):
        yield f"{pair.title}, s", f"{pair.plain:.2f}"


if __name__ == "__main__":
    main()
