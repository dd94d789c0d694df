"""Jobs while another process fills the GPU's memory: before the job starts, and while it runs."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from benchmarks.on_gpu.bench import ROOT, Bench, Pair, Rows
from benchmarks.on_gpu.program import Live, Outbox, drop, end_of_log, log_lines, running

WAIT_SECONDS = 8.0
"""How long the other process holds the memory."""
LIMIT_SECONDS = 60.0
MEASURED = ("pace", "needs")
PROBLEMS = r"^(WARNING|ERROR) |batch"
WORKING_STAGES = ("listen", "track", "render")


class Tenant(Protocol):
    """Another user of the GPU. Each method returns the MiB that it holds afterwards."""

    def take_all_but(self, mebibytes: int) -> int: ...

    def give_back(self) -> int: ...


class Hog:
    """A process of ``benchmarks.on_gpu.hog``, which really allocates GPU memory."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._answer()

    def take_all_but(self, mebibytes: int) -> int:
        """Allocate all free memory except ``mebibytes``."""
        return self._ask(str(mebibytes))

    def give_back(self) -> int:
        return self._ask("")

    def _ask(self, line: str) -> int:
        if self._process.stdin is None:
            raise RuntimeError("the process was started without a pipe")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> int:
        if self._process.stdout is None:
            raise RuntimeError("the process was started without a pipe")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that allocates the memory has ended")
        return int(line)


@contextmanager
def tenant(bench: Bench) -> Iterator[Hog]:
    """Start another process on the device. It is ready and holds no memory yet."""
    command = [sys.executable, "-m", "benchmarks.on_gpu.hog", bench.torch_device]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Hog(process)
        finally:
            process.kill()


def crowd(bench: Bench, engine: str) -> Rows:
    """Run a job that finds the GPU full, then one whose GPU is filled while it runs."""
    spool = bench.folder / f"crowd-{engine}"
    keep_measurements(bench.folder / f"jobs-{engine}", spool)
    with tenant(bench) as other:
        held = other.take_all_but(256)
        with running(bench, spool, engine=engine) as live:
            yield "taken before the job, MiB", str(held)
            yield from before(live, other, bench.demo)
            yield from during(live, other, bench.brief)


def keep_measurements(source: Path, target: Path) -> None:
    """Copy what was measured of the engine, as on any machine that is not new.

    Tracks are not copied: a job that must track the face lasts longer.
    """
    for name in MEASURED:
        if (measured := source / ".cache" / name).is_dir():
            shutil.copytree(measured, target / ".cache" / name, dirs_exist_ok=True)


def before(live: Live, other: Tenant, pair: Pair) -> Rows:
    """Drop a job while the GPU is full; free the GPU a little later."""
    outbox = Outbox(live.spool)
    drop(live.spool, "before", pair)
    live.wait(lambda: bool(live.status().get("hold")), WAIT_SECONDS)
    yield "the job's state", live.status().get("hold") or f"runs: {_running(live)}"
    other.give_back()
    freed = time.time()
    report = _result(live, outbox)
    if report is None:
        yield "after the memory was freed", f"no result in {LIMIT_SECONDS:.0f} s: {_end(live)}"
        return
    started = datetime.fromisoformat(report["started"]).timestamp()
    yield "from giving back to the job's start, s", f"{started - freed:.1f}"
    yield "published, attempts", f"{report['name']}, {report['attempts']}"


def during(live: Live, other: Tenant, pair: Pair) -> Rows:
    """Fill the GPU for a while when a job runs on it."""
    outbox = Outbox(live.spool)
    drop(live.spool, "during", pair)
    live.wait(lambda: _stage(live) in WORKING_STAGES, LIMIT_SECONDS)
    stage = _stage(live)
    lines_before = len(log_lines(live.spool, PROBLEMS))
    held = other.take_all_but(0)
    yield f"taken while it was at '{stage}', MiB", str(held)
    taken = time.monotonic()
    report = _result(live, outbox, WAIT_SECONDS)
    yield "meanwhile", "published all the same" if report else _running(live)
    other.give_back()
    report = report or _result(live, outbox)
    for line in log_lines(live.spool, PROBLEMS)[lines_before:]:
        yield "log", line
    if report is None:
        yield "after the memory was freed", f"no result in {LIMIT_SECONDS:.0f} s: {_end(live)}"
        return
    yield "published, attempts", f"{report['name']}, {report['attempts']}"
    yield "from the taking to the result, s", f"{time.monotonic() - taken:.1f}"


def _result(live: Live, outbox: Outbox, seconds: float = LIMIT_SECONDS) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = []

    def has_report() -> bool:
        found.extend(outbox.reports())
        return bool(found)

    live.wait(has_report, seconds)
    return found[0] if found else None


def _stage(live: Live) -> str | None:
    jobs = live.status().get("jobs", [])
    return next((job["stage"] for job in jobs if job["state"] == "running"), None)


def _running(live: Live) -> str:
    """Describe the job as the status reports it."""
    job = next(iter(live.status().get("jobs", [])), None)
    if job is None:
        return "no job"
    return f"{job['state']}, {job['stage']}, {job['frames']} frames, {job['reason'] or 'no reason'}"


def _end(live: Live) -> str:
    return f"{_running(live)} / {end_of_log(live.spool)}"
