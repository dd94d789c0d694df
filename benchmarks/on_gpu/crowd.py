"""What becomes of jobs when another process takes the GPU's memory, before them and during them."""

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
from benchmarks.on_gpu.program import Live, Outbox, drop, end_of_log, running, told

WAIT_SECONDS = 8.0
"""How long the memory stays taken."""
PATIENCE_SECONDS = 60.0
MEASURED = ("pace", "needs")
TROUBLE = r"^(WARNING|ERROR) |batch"
AT_WORK = ("listen", "track", "render")


class Tenant(Protocol):
    """Another user of the GPU. Each call answers with the MiB that it holds then."""

    def take_all_but(self, mebibytes: int) -> int: ...

    def give_back(self) -> int: ...


class Hog:
    """The one that really takes it: a process of ``benchmarks.on_gpu.hog``."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._answer()

    def take_all_but(self, mebibytes: int) -> int:
        """Take what is free, less so many MiB; the MiB that it holds then."""
        return self._ask(str(mebibytes))

    def give_back(self) -> int:
        return self._ask("")

    def _ask(self, line: str) -> int:
        if self._process.stdin is None:
            raise RuntimeError("it was started without a pipe")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> int:
        if self._process.stdout is None:
            raise RuntimeError("it was started without a pipe")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that was to take the memory has ended")
        return int(line)


@contextmanager
def tenant(bench: Bench) -> Iterator[Hog]:
    """Another process on the device, warm and without memory yet."""
    command = [sys.executable, "-m", "benchmarks.on_gpu.hog", bench.torch_device]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Hog(process)
        finally:
            process.kill()


def crowd(bench: Bench, engine: str) -> Rows:
    """A job that finds the GPU full, then one whose GPU is filled under it."""
    spool = bench.folder / f"crowd-{engine}"
    keep_measurements(bench.folder / f"jobs-{engine}", spool)
    with tenant(bench) as other:
        held = other.take_all_but(256)
        with running(bench, spool, engine=engine) as live:
            yield "taken before the job, MiB", str(held)
            yield from before(live, other, bench.demo)
            yield from during(live, other, bench.brief)


def keep_measurements(source: Path, target: Path) -> None:
    """What was measured of the engine is known, as on any machine but a new one; tracks are not:
    a job whose face is still to be tracked lasts longer."""
    for name in MEASURED:
        if (known := source / ".cache" / name).is_dir():
            shutil.copytree(known, target / ".cache" / name, dirs_exist_ok=True)


def before(live: Live, other: Tenant, pair: Pair) -> Rows:
    """A job comes while the GPU is full; it becomes free a little later."""
    outbox = Outbox(live.spool)
    drop(live.spool, "before", pair)
    live.wait(lambda: bool(live.status().get("hold")), WAIT_SECONDS)
    yield "the job's state", live.status().get("hold") or f"runs: {_running(live)}"
    other.give_back()
    freed = time.time()
    report = _result(live, outbox)
    if report is None:
        yield "after it was given back", f"no result in {PATIENCE_SECONDS:.0f} s: {_end(live)}"
        return
    started = datetime.fromisoformat(report["started"]).timestamp()
    yield "from giving back to the job's start, s", f"{started - freed:.1f}"
    yield "published, attempts", f"{report['name']}, {report['attempts']}"


def during(live: Live, other: Tenant, pair: Pair) -> Rows:
    """All memory is taken from a job that runs, for a while."""
    outbox = Outbox(live.spool)
    drop(live.spool, "during", pair)
    live.wait(lambda: _stage(live) in AT_WORK, PATIENCE_SECONDS)
    stage = _stage(live)
    told_before = len(told(live.spool, TROUBLE))
    held = other.take_all_but(0)
    yield f"taken while it was at '{stage}', MiB", str(held)
    taken = time.monotonic()
    report = _result(live, outbox, WAIT_SECONDS)
    yield "meanwhile", "published all the same" if report else _running(live)
    other.give_back()
    report = report or _result(live, outbox)
    for line in told(live.spool, TROUBLE)[told_before:]:
        yield "log", line
    if report is None:
        yield "after it was given back", f"no result in {PATIENCE_SECONDS:.0f} s: {_end(live)}"
        return
    yield "published, attempts", f"{report['name']}, {report['attempts']}"
    yield "from the taking to the result, s", f"{time.monotonic() - taken:.1f}"


def _result(live: Live, outbox: Outbox, seconds: float = PATIENCE_SECONDS) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found.extend(outbox.reports())
        return bool(found)

    live.wait(there, seconds)
    return found[0] if found else None


def _stage(live: Live) -> str | None:
    jobs = live.status().get("jobs", [])
    return next((job["stage"] for job in jobs if job["state"] == "running"), None)


def _running(live: Live) -> str:
    """What the status says of the job."""
    job = next(iter(live.status().get("jobs", [])), None)
    if job is None:
        return "no job"
    return f"{job['state']}, {job['stage']}, {job['frames']} frames, {job['reason'] or 'no reason'}"


def _end(live: Live) -> str:
    return f"{_running(live)} / {end_of_log(live.spool)}"
