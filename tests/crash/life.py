"""Runs a daemon in a forked child, with the real service, spool and pool, and kills it.

The parent has already imported everything, so that a run starts in milliseconds.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from loguru import logger

from heygem_daemon.config.settings import Settings
from heygem_daemon.config.sidecar import SidecarAnswer, read_sidecar
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.service.loop import Service
from heygem_daemon.service.runtime import Clock, Dependencies, WakeEvent
from heygem_daemon.spool import retention
from heygem_daemon.spool.spool import Spool
from heygem_daemon.worker.pool import WorkerPool
from tests.crash.steps import KillSwitch

# Isolated and without site-packages: a third of the time to start.
WORKER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("worker.py")))
SPEED = 100.0
"""Speed of the daemon's clock relative to real time, so that settling and backoff are short."""

MAX_RUN_SECONDS = 120.0
"""A longer run means that the daemon hangs."""


class QuickClock(Clock):
    """A monotonic clock that is SPEED times as fast as real time."""

    def monotonic(self) -> float:
        return time.monotonic() * SPEED


class QuickWakeEvent(WakeEvent):
    """Waits by the fast clock."""

    def wait(self, seconds: float) -> bool:
        return super().wait(seconds / SPEED)


@dataclass(frozen=True, slots=True)
class KillPlan:
    """When a run shall be killed, unless its work is done before."""

    tried_steps: Set[str] | None = None
    """Kill the daemon at the first step that is not among these; None: at no step."""
    seconds: float | None = None
    """Kill the daemon after this time; None: never."""
    worker: str = ""
    """Value of CRASH_WORKER, which makes the worker kill itself; empty: it does not."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended."""

    killed: bool
    done: bool = False
    """Whether it ended by itself because nothing was left to do."""
    step: str = ""
    """The step at which the daemon was killed; empty: at none."""
    victims: tuple[str, ...] = ()
    """What was killed: "daemon", "worker", or "both" at the same time."""


@dataclass(frozen=True)
class Daemon:
    """A daemon for the spool at ``root``, which can run many times.

    Beside the spool are the log of all runs, and the file in which the last run's worker recorded
    that it killed itself.
    """

    root: Path
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.root.with_name("runs.log")

    @property
    def kill_file(self) -> Path:
        return self.root.with_name("killed")

    def run(self, plan: KillPlan) -> RunEnd:
        """Run the daemon until nothing is left to do or the plan kills it. Raises RuntimeError if
        it ends in any other way."""

        def work() -> int:
            summary = self._service().run_once()
            return _LEFT if summary.left or summary.hold else _DONE

        return self._fork(plan, work)

    def retry(self, name: str, plan: KillPlan) -> RunEnd:
        """Return the failed job ``name`` to the inbox, as the retry command does."""

        def put_back() -> int:
            Spool(self.root).retry(name)
            return _DONE

        return self._fork(plan, put_back)

    def purge(self, days: float, plan: KillPlan) -> RunEnd:
        """Delete what will have expired in ``days`` days, as the purge command does."""

        def delete() -> int:
            spool = Spool(self.root)
            list(
                retention.purge(
                    spool, retention.find_expired(spool, spool.now() + days * 86400, 1.0)
                )
            )
            return _DONE

        return self._fork(plan, delete)

    def _fork(self, plan: KillPlan, act: Callable[[], int]) -> RunEnd:
        self.kill_file.unlink(missing_ok=True)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._run_child(plan, writing, act)
        os.close(writing)
        status = _wait(child, MAX_RUN_SECONDS if plan.seconds is None else plan.seconds)
        with os.fdopen(reading, "rb") as pipe:
            step = pipe.read().decode()
        code = os.waitstatus_to_exitcode(status)
        unplanned = code < 0 and not _is_planned(plan, step)
        if unplanned or code not in (-signal.SIGKILL, _DONE, _LEFT):
            raise RuntimeError(f"a run ended with {code}, see {self.log}")
        return RunEnd(code < 0, code == _DONE, step, tuple(self._victims(killed=code < 0)))

    def _victims(self, killed: bool) -> Iterator[str]:
        victim = self.kill_file.read_text() if self.kill_file.exists() else ""
        if victim:
            yield victim
        if killed and victim != "both":
            yield "daemon"

    def _run_child(self, plan: KillPlan, step_pipe: int, act: Callable[[], int]) -> NoReturn:
        """Call ``act`` in the child, and exit with its return value."""
        code = 70
        try:
            logger.remove()
            logger.add(self.log, format="{time:mm:ss.SSS} {process} {level} {message} {extra}")
            os.environ |= {"CRASH_WORKER": plan.worker, "CRASH_KILL_FILE": str(self.kill_file)}
            if plan.tried_steps is not None:
                KillSwitch(self.root, plan.tried_steps, step_pipe).arm()
            code = act()
        except BaseException:  # noqa: BLE001 - the parent reports every kind of error
            logger.exception("this run ends with a bug")
        finally:
            os._exit(code)

    def _service(self) -> Service:
        wake = QuickWakeEvent()
        settings = Settings.model_validate(
            {
                "spool": self.root,
                "device": "cpu",
                "settle_seconds": 1.0,
                "scan_seconds": 0.5,
                "lone_file_minutes": 0.0,
                "folders": {"anna": {}},
                "language": "en",
                **self.settings,
            }
        )
        pool = WorkerPool(
            "fake", settings.checkpoints, self.root / ".cache", on_event=wake.set, command=WORKER
        )
        dependencies = Dependencies(
            read_gpus=Readings, clock=QuickClock(), wake=wake, read_sidecar=_read_sidecar
        )
        return Service(settings, Spool(self.root), pool, dependencies)


def _read_sidecar(path: Path) -> SidecarAnswer | None:
    """Read a sidecar here: each run would wait for a child process of each sidecar."""
    with suppress(OSError):
        return read_sidecar(path, path.name)
    return None


_DONE, _LEFT = 0, 3


def _is_planned(plan: KillPlan, step: str) -> bool:
    return bool(step) or plan.seconds is not None or plan.worker.startswith("both")


def _wait(child: int, seconds: float) -> int:
    """Wait for a child, and kill it after ``seconds``. Return its status."""
    descriptor = os.pidfd_open(child)
    try:
        ended, _, _ = select.select([descriptor], [], [], seconds)
    finally:
        os.close(descriptor)
    if not ended:
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]
