"""Runs a daemon for hours with all that happens to one: kills, reloads, full disk, lost share."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from heygem_daemon.report.status_file import read_status
from tests.soak.drops import Dropper, collect, missing
from tests.soak.figures import Row, Series, children_of, is_worker, judge, read_sample

PROGRAM = Path(__file__).resolve().parents[1] / "cli" / "program.py"
REST_SHARE = 0.85
"""The share of the time in which jobs are dropped; in the rest they must end."""

DISK_BYTES = 256 << 20
KILLS_SHARE = 0.2
"""The share of the time in which workers are killed: then one lives long enough to be judged."""

WARM_JOBS = 3
"""How many jobs end before a worker is judged: until then it loads its engine and codecs."""

MAX_WAITING = 10
"""How many jobs may wait before another one is dropped."""

TROUBLES = ("kill worker", "reload", "wrong reload", "fill the disk", "take the share away")


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """How a soak is run."""

    seconds: float
    seed: int = 1
    sample_seconds: float = 1.0
    trouble_seconds: float = 20.0
    """Between two troubles."""

    drop_seconds: float = 0.0
    """Between two jobs, at least."""

    sound: Path | None = None
    """Sound and video for real workers; None: fake workers, which copy files."""

    video: Path | None = None


@dataclass
class SoakResult:
    """What came of a soak."""

    jobs: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    daemon_kills: int = 0
    rows: list[Row] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What is wrong, each in a sentence; empty: all bars hold."""


class Soak:
    """One run on a spool of its own."""

    def __init__(self, folder: Path, plan: SoakPlan) -> None:
        self._plan = plan
        self._spool = folder / "disk" / "spool"
        self._config = folder / "config.toml"
        self._output = folder / "output"
        self._random = random.Random(plan.seed)
        self._dropper = Dropper(self._spool, plan.seed, plan.sound, plan.video)
        self._series = Series()
        self._ended_before: dict[int, int] = {}
        """How many jobs had ended when a worker was first seen, by its process id."""
        self._result = SoakResult()
        self._daemon: subprocess.Popen[bytes] | None = None

    def run(self) -> SoakResult:
        """Run it, and judge."""
        self._start()
        try:
            self._go_on()
        finally:
            self._stop()
        self._result.jobs = self._dropper.dropped
        self._judge()
        return self._result

    def _go_on(self) -> None:
        began = time.monotonic()
        end = began + self._plan.seconds
        drop_at = began
        trouble_at = kill_at = began + min(self._plan.trouble_seconds, self._plan.seconds / 6)
        while (now := time.monotonic()) < end:
            busy = now < began + REST_SHARE * self._plan.seconds
            if busy and now >= trouble_at:
                trouble_at = now + self._plan.trouble_seconds
                self._make_trouble(may_kill=now < began + KILLS_SHARE * self._plan.seconds)
            if kill_at is not None and now >= kill_at:
                # Once, early: figures are those of one life of the daemon.
                kill_at = float("inf")
                self._kill_daemon()
            self._try(lambda: collect(self._spool, self._dropper.ledger))
            waiting = len(missing(self._spool, self._dropper.ledger))
            if busy and now >= drop_at and waiting < MAX_WAITING:
                drop_at = now + self._plan.drop_seconds
                self._try(self._dropper.drop)
            self._sample()
            time.sleep(self._plan.sample_seconds)
        if lost := missing(self._spool, self._dropper.ledger):
            self._wait_for_the_rest(lost)

    def _wait_for_the_rest(self, lost: list[str]) -> None:
        deadline = time.monotonic() + max(60.0, self._plan.seconds / 10)
        while lost and time.monotonic() < deadline:
            time.sleep(0.5)
            lost = missing(self._spool, self._dropper.ledger)
        if lost:
            self._result.wrong.append(f"{len(lost)} jobs did not end as they must: {lost[:5]}")

    def _make_trouble(self, *, may_kill: bool) -> None:
        possible = [each for each in TROUBLES if may_kill or each != "kill worker"]
        trouble = min(possible, key=lambda each: self._result.troubles[each])
        self._result.troubles[trouble] += 1
        steps: dict[str, Callable[[], None]] = {
            "kill worker": self._kill_worker,
            "reload": lambda: self._reload("crf = 20\n"),
            "wrong reload": lambda: self._reload("crf = 99\n"),
            "fill the disk": self._fill_disk,
            "take the share away": self._take_share_away,
        }
        self._try(steps[trouble])

    def _kill_worker(self) -> None:
        workers = [each for each in children_of(self._pid) if is_worker(each)]
        if workers:
            with suppress(ProcessLookupError):
                os.kill(self._random.choice(workers), signal.SIGKILL)

    def _kill_daemon(self) -> None:
        assert self._daemon is not None
        self._daemon.kill()
        self._daemon.wait()
        self._result.daemon_kills += 1
        self._start()

    def _reload(self, text: str) -> None:
        self._write_config(text)
        os.kill(self._pid, signal.SIGHUP)

    def _fill_disk(self) -> None:
        if not self._spool.parent.is_mount():
            return
        ballast = self._spool.parent / "ballast"
        try:
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(b"\0" * (1 << 20)):
                    pass
            self._watch_for(5.0)
        finally:
            ballast.unlink(missing_ok=True)

    def _take_share_away(self) -> None:
        away = self._spool.with_name("away")
        self._spool.rename(away)
        try:
            self._watch_for(5.0)
        finally:
            away.rename(self._spool)

    def _watch_for(self, seconds: float) -> None:
        end = time.monotonic() + min(seconds, self._plan.trouble_seconds / 2)
        while time.monotonic() < end:
            self._sample()
            time.sleep(self._plan.sample_seconds)

    def _sample(self) -> None:
        assert self._daemon is not None
        if self._daemon.poll() is not None:
            words = self._output.read_text(errors="replace").splitlines()[-3:]
            self._result.wrong.append(
                f"the daemon ended with status {self._daemon.returncode}: {words}"
            )
            self._start()
        has_work = self._has_work()
        sample = read_sample(self._pid, has_work=has_work)
        if sample is None:
            return
        self._series.supervisor.append(sample)
        self._series.log_bytes.append(self._output.stat().st_size)
        ended = self._dropper.ledger.collected
        for pid in filter(is_worker, children_of(self._pid)):
            is_warm = ended >= self._ended_before.setdefault(pid, ended) + WARM_JOBS
            if is_warm and (worker := read_sample(pid, has_work=has_work)) is not None:
                self._series.workers.setdefault(pid, []).append(worker)

    def _has_work(self) -> bool:
        status = read_status(self._spool / ".state" / "status.json")
        return status is None or bool(status.jobs)

    def _judge(self) -> None:
        self._result.rows = judge(self._series)
        self._result.wrong += [
            f"{row.name}: {row.first:.1f}, at the end {row.last:.1f}"
            for row in self._result.rows
            if not row.holds
        ]

    def _start(self) -> None:
        self._write_config()
        command = [sys.executable, str(PROGRAM), "run"]
        if self._plan.sound is not None:
            command = [str(Path(sys.executable).with_name("heygem-daemon")), "run"]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HEYGEM_")}
        with self._output.open("ab") as output:
            self._daemon = subprocess.Popen(
                command,
                env={**kept, "HEYGEM_CONFIG": str(self._config)},
                stdout=output,
                stderr=output,
            )
        self._series.supervisor.clear()
        self._series.log_bytes.clear()
        # Only then does it take SIGHUP for a reload.
        while not self._is_ready() and self._daemon.poll() is None:
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        status = read_status(self._spool / ".state" / "status.json")
        return status is not None and status.pid == self._pid

    def _stop(self) -> None:
        if self._daemon is not None:
            self._daemon.terminate()
            try:
                self._daemon.wait(60)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()
                self._result.wrong.append("the daemon did not stop within a minute")

    def _write_config(self, more: str = "") -> None:
        text = (
            f'spool = "{self._spool}"\ndevice = "cpu"\nsettle_seconds = 0.2\nscan_seconds = 0.2\n'
            "free_space_gib = 0.02\nlone_file_minutes = 0.1\nmax_attempts = 20\n"
        )
        self._config.write_text(text + more)

    @property
    def _pid(self) -> int:
        assert self._daemon is not None
        return self._daemon.pid

    @staticmethod
    def _try(step: Callable[[], None]) -> None:
        """Take a step that a full disk or a lost share may make impossible."""
        with suppress(OSError):
            step()


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """Mount a small disk at ``folder``/disk where that is allowed; else it is a folder, which is
    never filled."""
    place = folder / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "soak", str(place)]
    is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(place)], check=False)
