"""One life of a daemon: a forked child with the real service, spool and pool, until it is killed.

The parent has imported all of them already, so that a life costs milliseconds to begin.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from loguru import logger

from heygem_daemon.config.settings import Settings
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
"""How much faster than the world's the daemon's clock runs: it settles and backs off in no time."""

LONGEST_SECONDS = 120.0


class QuickClock(Clock):
    """The machine's clock, but faster."""

    def monotonic(self) -> float:
        return time.monotonic() * SPEED


class QuickWakeEvent(WakeEvent):
    """Sleeps by the quick clock."""

    def wait(self, seconds: float) -> bool:
        return super().wait(seconds / SPEED)


@dataclass(frozen=True, slots=True)
class Fate:
    """How a life shall end, unless its work is done before: at the first step that is not in
    ``known`` (None: at no step), or after ``seconds``; ``worker`` tells the worker when to die."""

    known: Set[str] | None = None
    seconds: float | None = None
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Death:
    """How a life ended: ``killed`` or by itself, then ``done`` if nothing was left to do. ``step``:
    at which it was killed, if at one. ``victims``: what was killed in it, "daemon", "worker", or
    "both" at once."""

    killed: bool
    done: bool = False
    step: str = ""
    victims: tuple[str, ...] = ()


@dataclass(frozen=True)
class Daemon:
    """A daemon on the spool at ``root``, life after life. Beside it lie the log of all of them, and
    the toll of the last one: what its worker took along when it was killed."""

    root: Path
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        return self.root.with_name("lives.log")

    @property
    def toll(self) -> Path:
        return self.root.with_name("toll")

    def live(self, fate: Fate) -> Death:
        """One life: work until nothing is left to do. Raises RuntimeError if it ends in any other
        way than by itself or by murder."""

        def work() -> int:
            tally = self._service().run_once()
            return _LEFT if tally.left or tally.hold else _DONE

        return self._fork(fate, work)

    def retry(self, name: str, fate: Fate) -> Death:
        """Put the failed job ``name`` back into the inbox, as the command of that name does."""

        def put_back() -> int:
            Spool(self.root).retry(name)
            return _DONE

        return self._fork(fate, put_back)

    def purge(self, days: float, fate: Fate) -> Death:
        """Delete all that is older, seen from so many days ahead, as that command does."""

        def delete() -> int:
            spool = Spool(self.root)
            list(
                retention.purge(
                    spool, retention.find_expired(spool, spool.now() + days * 86400, 1.0)
                )
            )
            return _DONE

        return self._fork(fate, delete)

    def _fork(self, fate: Fate, act: Callable[[], int]) -> Death:
        self.toll.unlink(missing_ok=True)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._be(fate, writing, act)
        os.close(writing)
        status = _wait(child, LONGEST_SECONDS if fate.seconds is None else fate.seconds)
        with os.fdopen(reading, "rb") as told:
            step = told.read().decode()
        code = os.waitstatus_to_exitcode(status)
        if code not in (-signal.SIGKILL, _DONE, _LEFT) or (code < 0 and not _meant(fate, step)):
            raise RuntimeError(f"a life ended with {code}, see {self.log}")
        return Death(code < 0, code == _DONE, step, tuple(self._victims(killed=code < 0)))

    def _victims(self, killed: bool) -> Iterator[str]:
        victim = self.toll.read_text() if self.toll.exists() else ""
        if victim:
            yield victim
        if killed and victim != "both":
            yield "daemon"

    def _be(self, fate: Fate, tell: int, act: Callable[[], int]) -> NoReturn:
        """The child: never returns."""
        code = 70
        try:
            logger.remove()
            logger.add(self.log, format="{time:mm:ss.SSS} {process} {level} {message} {extra}")
            os.environ |= {"CRASH_WORKER": fate.worker, "CRASH_TOLL": str(self.toll)}
            if fate.known is not None:
                KillSwitch(self.root, fate.known, tell).arm()
            code = act()
        except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
            logger.exception("this life ends with a bug")
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
                **self.settings,
            }
        )
        pool = WorkerPool(
            "fake", settings.weights, self.root / ".cache", on_event=wake.set, command=WORKER
        )
        surroundings = Dependencies(read_gpus=Readings, clock=QuickClock(), wake=wake)
        return Service(settings, Spool(self.root), pool, surroundings)


_DONE, _LEFT = 0, 3


def _meant(fate: Fate, step: str) -> bool:
    return bool(step) or fate.seconds is not None or fate.worker.startswith("both")


def _wait(child: int, seconds: float) -> int:
    """Let a child live for so long; then it is killed. Gives its status."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]
