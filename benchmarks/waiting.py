"""A real daemon with many files waiting in its inbox."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.daemon import cpu_seconds, resident_bytes, wait_until
from heygem_daemon.config.settings import Settings
from heygem_daemon.service.intake import Intake
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.spool import Spool

DEMO = Path(__file__).resolve().parent.parent / "demo"
SETTLE_SECONDS = 1.0
PATIENCE = 6
"""Quiet periods after which a file is taken for what it is, however it looks."""

REST_SECONDS = 10.0
DROPS = 2
"""As many as are claimed though none can start."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A daemon with so many ``files`` waiting: CPU seconds of one look at the inbox, its share of
    one core when nothing happens, its memory in bytes, the size of its status, and how long after
    its settle time a dropped pair was claimed."""

    files: int
    look: float
    share: float
    memory: int
    status: int
    latencies: list[float]


def waiting(files: int, folder: Path) -> Waiting:
    """The real daemon with its real prober; ``device = "cuda"`` keeps it from rendering here."""
    inbox = folder / "inbox"
    inbox.mkdir(parents=True)
    for number in range(files):
        (inbox / f"a recording {number:05d}.wav").write_bytes(b"sound")
    with running(folder) as daemon:
        wait_until((folder / ".state" / "status.json").exists)
        time.sleep((PATIENCE + 2) * SETTLE_SECONDS)
        before, since = cpu_seconds(daemon.pid), time.monotonic()
        time.sleep(REST_SECONDS)
        share = (cpu_seconds(daemon.pid) - before) / (time.monotonic() - since)
        latencies = [latency(SpoolLayout(folder), f"new {number}") for number in range(DROPS)]
        memory = resident_bytes(daemon.pid)
    status = (folder / ".state" / "status.json").stat().st_size
    return Waiting(files, look_seconds(folder), share, memory, status, latencies)


@contextmanager
def running(spool: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A daemon on ``spool``, with its log beside it."""
    command = [str(Path(sys.executable).with_name("heygem-daemon")), "run", "--device", "cuda"]
    quick = {"HEYGEM_SPOOL": str(spool), "HEYGEM_SETTLE_SECONDS": str(SETTLE_SECONDS)}
    with spool.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | quick, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def latency(layout: SpoolLayout, name: str) -> float:
    """Seconds from the end of the copy of a pair to its claim, less the settle time."""
    known = set(layout.processing.iterdir())
    for source in (DEMO / "speech.wav", DEMO / "presenter.mp4"):
        (layout.inbox / f"{name}{source.suffix}").write_bytes(source.read_bytes())
    dropped = time.time()
    wait_until(lambda: len(set(layout.processing.iterdir()) - known) == 1)
    (claimed,) = set(layout.processing.iterdir()) - known
    wait_until((claimed / "job.json").exists)
    journal = json.loads((claimed / "job.json").read_text())
    return float(journal["claimed_at"]) - dropped - SETTLE_SECONDS


def look_seconds(folder: Path) -> float:
    """CPU seconds of a look: scan, settle and pair up."""
    settings = Settings.model_validate({"spool": folder, "lone_file_minutes": 1e6})
    intake = Intake.from_settings(Spool(folder), settings, lambda _path: True)
    costs = []
    for number in range(10):
        before = time.process_time()
        intake.scan(10.0 * number)
        costs.append(time.process_time() - before)
    return statistics.median(costs)
