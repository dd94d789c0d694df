"""Run the service with its real spool and worker pool: many small jobs, and a large purge."""

import math
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.daemon import resident_bytes
from benchmarks.fake_worker import REFUSE, result_of
from heygem_daemon.config.folders import PLAIN, HotFolder
from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.service.loop import Service
from heygem_daemon.service.runtime import Clock, Dependencies, WakeEvent
from heygem_daemon.service.sidecar_prober import SidecarProber
from heygem_daemon.spool import retention
from heygem_daemon.spool.job import Job, Journal, Pair
from heygem_daemon.spool.layout import SpoolLayout, names_in
from heygem_daemon.spool.records import JobRecord, describe_files, recorded_folder
from heygem_daemon.spool.sidecars import SidecarAnswers
from heygem_daemon.spool.spool import Spool
from heygem_daemon.worker.pool import WorkerPool

# Isolated and without site-packages: a third of the time to start.
WORKER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("fake_worker.py")))

BACKLOG = 50
"""Pairs that wait in the inbox at any time."""

REFUSED_EVERY = 3
"""One of three jobs is refused."""

ROUND_SECONDS = 0.25
"""The longest wait between two rounds of the main loop."""

FILES_PER_JOB = 6
RETENTION_DAYS = 7.0
LATER_SECONDS = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The daemon after a number of jobs."""

    jobs: int
    round_seconds: float
    """Mean CPU time of a round of the main loop since the last sample."""
    claim_seconds: float
    """Mean CPU time of the claim of a pair since the last sample."""
    memory: int
    """Resident memory in bytes."""


class TimedSpool(Spool):
    """A spool that measures its claims."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.claim_costs: list[float] = []
        """CPU time of each claim, in seconds."""

    def claim(
        self, pair: Pair, answers: SidecarAnswers | None = None, hot_folder: HotFolder = PLAIN
    ) -> Job:
        before = time.thread_time()
        try:
            return super().claim(pair, answers, hot_folder)
        finally:
            self.claim_costs.append(time.thread_time() - before)


def many_jobs(jobs: int, root: Path) -> tuple[list[Sample], list[str], float]:
    """Run ``jobs`` small jobs with BACKLOG of them waiting.

    Returns samples, what is wrong with the results (see ``audit``), and the seconds it took.
    """
    spool = TimedSpool(root)
    spool.prepare()
    wake = WakeEvent()
    pool = WorkerPool("fake", root, root / ".cache", on_event=wake.set, command=WORKER)
    values = {"spool": root, "settle_seconds": 0.2, "scan_seconds": 0.1, "device": "cpu"}
    sidecars = SidecarProber(on_answer=wake.set)
    dependencies = Dependencies(
        read_gpus=Readings, wake=wake, advance_probes=sidecars.advance, read_sidecar=sidecars
    )
    service = Service(Settings.model_validate(values), spool, pool, dependencies)
    samples: list[Sample] = []
    costs: list[float] = []
    dropped, began = 0, time.monotonic()
    marks = [jobs // 10, jobs // 4, jobs // 2, jobs]
    while marks:
        ended = len(names_in(spool.done)) + len(names_in(spool.failed))
        while dropped < min(jobs, ended + BACKLOG):
            drop_pair(spool, dropped)
            dropped += 1
        wake.wait(ROUND_SECONDS)
        before = time.process_time()
        service.run_round()
        costs.append(time.process_time() - before)
        if ended >= marks[0]:
            means = statistics.mean(costs), statistics.mean(spool.claim_costs or [math.nan])
            samples.append(Sample(marks.pop(0), *means, resident_bytes()))
            costs.clear()
            spool.claim_costs.clear()
    pool.close(3.0)
    sidecars.close()
    return samples, list(audit(spool, jobs)), time.monotonic() - began


def name_of(number: int) -> str:
    """Return the name of a job."""
    return f"take-{number}"


def sound_of(number: int) -> bytes:
    """Return the content of a job's sound, different for each job."""
    kind = REFUSE if number % REFUSED_EVERY == 0 else b"render"
    return kind + b" %d" % number


def drop_pair(layout: SpoolLayout, number: int) -> None:
    """Put a pair into the inbox, every second one with a sidecar."""
    files = {".wav": sound_of(number), ".mp4": b"video %d" % number}
    if number % 2:
        files = {".toml": b"priority = 1\n", **files}
    for suffix, content in files.items():
        draft = layout.inbox / f"{name_of(number)}{suffix}.part"
        draft.write_bytes(content)
        draft.rename(draft.with_suffix(""))


def audit(layout: SpoolLayout, jobs: int) -> Iterator[str]:
    """Yield what is wrong: a job lost, ended twice, with another job's result, or left over."""
    for number in range(jobs):
        name, sound = name_of(number), sound_of(number)
        result = layout.outbox / f"{name}.mp4"
        failed = (layout.failed / name / "reason.txt").exists()
        if failed != sound.startswith(REFUSE):
            yield f"{name}: {'failed' if failed else 'did not fail'}"
        if failed == result.exists():
            yield f"{name}: {'failed and published' if failed else 'no result'}"
        elif not failed and result.read_bytes() != result_of(sound):
            yield f"{name}: the result of another job"
    ended = len(names_in(layout.done)) + len(names_in(layout.failed))
    if ended != jobs:
        yield f"{jobs} jobs, but {ended} have ended"
    for folder in (layout.inbox, layout.processing):
        yield from (f"left over: {path}" for path in folder.iterdir())


@dataclass(frozen=True, slots=True)
class Purged:
    """A purge of results and inputs."""

    files: int
    """Files deleted."""
    seconds: float
    """Duration of the purge by the command."""
    longest_round: float | None
    """Seconds of the longest round of the main loop while the daemon purges the same files; None
    where it was not measured, because it takes long."""


class Later(Clock):
    """A clock that is a month ahead."""

    def wall(self) -> float:
        return super().wall() + LATER_SECONDS


def purge(files: int, root: Path, by_daemon: bool) -> Purged:
    """Purge the results and inputs of ``files`` / FILES_PER_JOB jobs."""
    longest = None
    if by_daemon:
        fill(root, files)
        longest = longest_round(root)
    spool = fill(root, files)
    began = time.monotonic()
    list(retention.purge(spool, retention.find_expired(spool, spool.now(), RETENTION_DAYS)))
    return Purged(files, time.monotonic() - began, longest)


def fill(root: Path, files: int) -> Spool:
    """Make a spool with the results and inputs of ``files`` / FILES_PER_JOB jobs, a month old."""
    spool = Spool(root, Later().wall)
    spool.prepare()
    for number in range(files // FILES_PER_JOB):
        finished_job(spool, f"a recording {number:05d}")
    return spool


def longest_round(root: Path) -> float:
    """Let a daemon purge everything; return the seconds of its longest round."""
    spool, wake = Spool(root, Later().wall), WakeEvent()
    values = {"spool": root, "retention_days": RETENTION_DAYS, "device": "cpu"}
    dependencies = Dependencies(read_gpus=Readings, clock=Later(), wake=wake)
    pool = WorkerPool("fake", root, root / ".cache", command=WORKER)
    service = Service(Settings.model_validate(values), spool, pool, dependencies)
    rounds = [0.0]
    service.run_round()
    while names_in(spool.done):
        wake.wait(ROUND_SECONDS)
        before = time.monotonic()
        service.run_round()
        rounds.append(time.monotonic() - before)
    service.request_stop()
    service.run()
    return max(rounds)


def finished_job(spool: Spool, name: str) -> None:
    """Write a published job into done/ and the outbox, finished now, and its record."""
    results = [spool.outbox / f"{name}{suffix}" for suffix in (".json", ".png", ".mp4")]
    inputs = spool.done / name
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
    )
    (inputs / "job.json").write_bytes(journal.dumps())
    location = ("done", name)
    kept = [(f"{name}.wav",), (f"{name}.mp4",), ("job.json",)]
    record = JobRecord(
        journal=journal,
        location=location,
        files=(
            *describe_files(spool.outbox, [(path.name,) for path in results], ("outbox",)),
            *describe_files(inputs, kept, location),
        ),
        folders=(recorded_folder(location, inputs),),
    )
    (spool.finished / f"{name}.published.json").write_bytes(record.dumps())
