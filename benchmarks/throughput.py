"""The service with its real spool and pool: a thousand small jobs, and a large purge."""

import random
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.daemon import resident_bytes
from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.service.loop import Service
from heygem_daemon.service.runtime import Clock, Dependencies, WakeEvent
from heygem_daemon.spool import retention
from heygem_daemon.spool.job import Journal, PublishedFile
from heygem_daemon.spool.layout import SpoolLayout, names_in
from heygem_daemon.spool.spool import Spool
from heygem_daemon.worker.pool import WorkerPool
from tests.crash.drops import Users
from tests.crash.ledger import Ledger
from tests.crash.life import WORKER

BACKLOG = 50
"""Pairs that wait while jobs are worked off."""

TURN_SECONDS = 0.25
FILES_A_JOB = 6
RETENTION_DAYS = 7.0
LATER_SECONDS = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The daemon after so many ``jobs``: CPU seconds of one round, and memory in bytes."""

    jobs: int
    turn: float
    memory: int


def many_jobs(jobs: int, root: Path) -> tuple[list[Sample], list[str], float]:
    """Small jobs one after the other, BACKLOG of them waiting; samples, what is wrong, seconds."""
    spool = Spool(root)
    spool.prepare()
    wake = WakeEvent()
    pool = WorkerPool("fake", root, root / ".cache", on_event=wake.set, command=WORKER)
    values = {"spool": root, "settle_seconds": 0.2, "scan_seconds": 0.1, "device": "cpu"}
    service = Service(
        Settings.model_validate(values), spool, pool, Dependencies(read_gpus=Readings, wake=wake)
    )
    ledger, users = Ledger(root), Users(random.Random(1), ("render", "render", "refuse"))
    samples, costs, began = [], [], time.monotonic()
    marks = [jobs // 10, jobs // 4, jobs // 2, jobs]
    while marks:
        done = len(names_in(spool.done)) + len(names_in(spool.failed))
        while len(ledger.drops) < min(jobs, done + BACKLOG):
            ledger.drop(users.pair)
        wake.wait(TURN_SECONDS)
        before = time.process_time()
        service.run_round()
        costs.append(time.process_time() - before)
        if done >= marks[0]:
            samples.append(Sample(marks.pop(0), statistics.mean(costs), resident_bytes()))
            costs.clear()
    pool.close(3.0)
    return samples, ledger.audit(), time.monotonic() - began


@dataclass(frozen=True, slots=True)
class Purged:
    """A purge of so many ``files`` by the command: seconds, and files deleted in each. ``round``:
    the longest that a daemon's main loop was held up by its own purge of the same; None where it
    was not tried, for it takes its time."""

    files: int
    seconds: float
    round: float | None


class Later(Clock):
    """A month from now."""

    def wall(self) -> float:
        return super().wall() + LATER_SECONDS


def purge(files: int, root: Path, by_daemon: bool) -> Purged:
    """All of the results and inputs of ``files`` / 6 jobs."""
    longest = None
    if by_daemon:
        fill(root, files)
        longest = longest_round(root)
    spool = fill(root, files)
    began = time.monotonic()
    list(retention.purge(spool, retention.find_expired(spool, spool.now(), RETENTION_DAYS)))
    return Purged(files, time.monotonic() - began, longest)


def fill(root: Path, files: int) -> Spool:
    """A spool with the results and inputs of ``files`` / 6 jobs, a month old."""
    spool = Spool(root, Later().wall)
    spool.prepare()
    for number in range(files // FILES_A_JOB):
        finished_job(spool, f"a recording {number:05d}")
    return spool


def longest_round(root: Path) -> float:
    """Let a daemon purge all of it; seconds that its longest round took."""
    spool, wake = Spool(root, Later().wall), WakeEvent()
    values = {"spool": root, "retention_days": RETENTION_DAYS, "device": "cpu"}
    surroundings = Dependencies(read_gpus=Readings, clock=Later(), wake=wake)
    pool = WorkerPool("fake", root, root / ".cache", command=WORKER)
    service = Service(Settings.model_validate(values), spool, pool, surroundings)
    turns = [0.0]
    service.run_round()
    while names_in(spool.done):
        wake.wait(TURN_SECONDS)
        before = time.monotonic()
        service.run_round()
        turns.append(time.monotonic() - before)
    service.request_stop()
    service.run()
    return max(turns)


def finished_job(layout: SpoolLayout, name: str) -> None:
    """A published job as it lies in done/ and in the outbox, finished now."""
    results = [layout.outbox / f"{name}{suffix}" for suffix in (".json", ".png", ".mp4")]
    inputs = layout.done / name
    inputs.mkdir(exist_ok=True)
    for path in (*results, inputs / f"{name}.wav", inputs / f"{name}.mp4"):
        path.write_bytes(b"content")
    journal = Journal(
        id=name,
        name=name,
        audio_name=f"{name}.wav",
        video_name=f"{name}.mp4",
        claimed_at=time.time(),
        completed_at=time.time(),
        outcome="published",
        published=tuple(PublishedFile(name=path.name, size=7) for path in results),
    )
    (inputs / "job.json").write_bytes(journal.dumps())
