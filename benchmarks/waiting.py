"""Measure a real daemon with many files waiting in its inbox."""

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
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.spool import Spool

DEMO = Path(__file__).resolve().parent.parent / "demo"
SETTLE_SECONDS = 1.0
PATIENCE = 6
"""Quiet periods after which a file is accepted even if it looks incomplete."""

IDLE_SECONDS = 10.0
SCANS = 20
"""How many scans count as the first ones: those of a thousand files of one owner are among them."""

DROPS = 2
"""Pairs that are claimed although none can start."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A daemon with files waiting in its inbox."""

    files: int
    first_scan_seconds: float
    """CPU time of one inbox scan while files are examined, a hundred of each owner in a scan."""
    scan_seconds: float
    """CPU time of one inbox scan later."""
    cpu_share: float
    """CPU use of the idle daemon, 0-1 of one core."""
    memory: int
    """Resident memory in bytes."""
    status_bytes: int
    """Size of status.json."""
    latencies: list[float]
    """Seconds from the copy of a pair to its claim, without the settle time."""


def waiting(files: int, folder: Path) -> Waiting:
    """Measure the real daemon with its real prober on ``files`` sounds without a video."""
    inbox = folder / "inbox"
    inbox.mkdir(parents=True)
    for number in range(files):
        (inbox / f"a recording {number:05d}.wav").write_bytes(b"sound")
    with running(folder) as daemon:
        wait_until((folder / ".state" / "status.json").exists)
        time.sleep((PATIENCE + 2) * SETTLE_SECONDS)
        before, since = cpu_seconds(daemon.pid), time.monotonic()
        time.sleep(IDLE_SECONDS)
        share = (cpu_seconds(daemon.pid) - before) / (time.monotonic() - since)
        latencies = [latency(SpoolLayout(folder), f"new {number}") for number in range(DROPS)]
        memory = resident_bytes(daemon.pid)
    status = (folder / ".state" / "status.json").stat().st_size
    return Waiting(files, *scan_seconds(folder), share, memory, status, latencies)


@contextmanager
def running(spool: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a daemon on ``spool``, with its log beside it.

    It is set to a GPU, so that it renders nothing on a machine without one.
    """
    command = [str(Path(sys.executable).with_name("heygem-daemon")), "run", "--device", "cuda"]
    settings = {"HEYGEM_SPOOL": str(spool), "HEYGEM_SETTLE_SECONDS": str(SETTLE_SECONDS)}
    with spool.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def latency(layout: SpoolLayout, name: str) -> float:
    """Return the seconds from the end of the copy of a pair to its claim, less the settle time."""
    before = set(layout.processing.iterdir())
    for source in (DEMO / "speech.wav", DEMO / "presenter.mp4"):
        (layout.inbox / f"{name}{source.suffix}").write_bytes(source.read_bytes())
    dropped = time.time()
    wait_until(lambda: len(set(layout.processing.iterdir()) - before) == 1)
    (claimed,) = set(layout.processing.iterdir()) - before
    wait_until((claimed / "job.json").exists)
    journal = json.loads((claimed / "job.json").read_text())
    return float(journal["claimed_at"]) - dropped - SETTLE_SECONDS


def scan_seconds(folder: Path) -> tuple[float, float]:
    """Return the CPU seconds of one scan of the inbox (list, settle and pair up): the mean of the
    first scans, and the median of as many later ones."""
    settings = Settings.model_validate({"spool": folder, "lone_file_minutes": 1e6})
    intake = Intake.from_settings(
        Spool(folder), settings, lambda _path: True, lambda _path: None, ItemFaults()
    )
    costs = []
    for number in range(2 * SCANS):
        before = time.process_time()
        intake.scan(10.0 * number)
        costs.append(time.process_time() - before)
    return statistics.mean(costs[:SCANS]), statistics.median(costs[SCANS:])
