"""The program on a spool of its own, in this process or as a child process."""

import functools
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from heygem_daemon.cli import main
from heygem_daemon.service.prober import Prober
from heygem_daemon.worker.pool import WorkerPool

PROGRAM = Path(__file__).with_name("program.py")
WORKER = Path(__file__).with_name("worker.py")
FakePool = functools.partial(WorkerPool, command=(sys.executable, str(WORKER)))
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def accepting_prober(_command: Sequence[str], **options: Any) -> Prober:
    """Return a prober that accepts any file, whatever command the daemon asks for."""
    return Prober(("true",), **options)


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Program:
    """Runs commands on ``spool``, with additional ``environment`` variables."""

    spool: Path
    environment: dict[str, str] = field(default_factory=dict)
    children: list["subprocess.Popen[str]"] = field(default_factory=list)

    def __call__(self, *arguments: str) -> Done:
        """Run a command to its end, in this process: starting Python takes a second."""
        before = {number: signal.getsignal(number) for number in SIGNALS}
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(os, "environ", self._environment())
            patch.setattr(sys, "argv", ["heygem-daemon", *arguments])
            patch.setattr("heygem_daemon.cli.daemon.WorkerPool", FakePool)
            patch.setattr("heygem_daemon.service.probes.Prober", accepting_prober)
            try:
                main()
                status = 0
            except SystemExit as end:
                status = int(end.code or 0)
        logger.remove()
        for number, handler in before.items():
            signal.signal(number, handler)
        return Done(status, out.getvalue(), err.getvalue())

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command; it is killed when the test is over."""
        child = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.children.append(child)
        return child

    def drop(self, name: str, order: str = "") -> None:
        """Put a pair into the inbox. ``order`` tells the fake worker what to do with it."""
        inbox = self.spool / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        (inbox / f"{name}.wav").write_text(order or "render")
        (inbox / f"{name}.mp4").write_text("video")

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HEYGEM_")}
        quick = {"HEYGEM_SETTLE_SECONDS": "0.2", "HEYGEM_SCAN_SECONDS": "0.1"}
        return {**kept, "HEYGEM_SPOOL": str(self.spool), **quick, **self.environment}


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    runner = Program(tmp_path / "spool")
    yield runner
    for child in runner.children:
        child.kill()
        child.communicate()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Return a function that waits until a condition is true, for a minute at most."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "the condition never became true"
            time.sleep(0.02)

    return wait
