"""Runs the real command line on a spool, as a child process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = Path(__file__).with_name("program.py")
START_SECONDS = 120.0
STOP_SECONDS = 60.0
COMMAND_SECONDS = 120.0
SETTINGS = {
    "DEVICE": "cpu",
    "SETTLE_SECONDS": "0.3",
    "SCAN_SECONDS": "0.1",
    "LONE_FILE_MINUTES": "0.02",
    "FREE_SPACE_GIB": "0",
    "LOG_LEVEL": "INFO",
}


@dataclass
class Daemon:
    """The daemon for the spool at ``root``. It can be started again after a stop."""

    root: Path
    with_decoding: bool = False
    """Whether the worker decodes the files of each job."""
    job_seconds: float = 0.0
    """How long the worker waits in each job."""
    settings: dict[str, str] = field(default_factory=dict)
    """More settings, by their names in capital letters."""
    limit: Callable[[list[str]], list[str]] = lambda command: command
    """Returns the command that runs another one with fewer rights."""
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def console(self) -> Path:
        """The file with everything that the daemon printed."""
        return self.root.with_name("console.log")

    @property
    def status(self) -> Path:
        return self.root / ".state" / "status.json"

    def start(self) -> None:
        """Start the daemon and wait until it works. Raises RuntimeError if it does not."""
        started = time.time()
        with self.console.open("ab") as output:
            self._process = subprocess.Popen(
                self.limit([sys.executable, str(PROGRAM), "run"]),
                umask=0o002,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        if not wait_until(lambda: self._is_fresh(started) or not self.is_alive(), START_SECONDS):
            raise RuntimeError("the daemon does not start")

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int | None:
        """Stop the daemon as systemd does; return its exit status, None if it had to be killed."""
        if self._process is None:
            return None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self) -> None:
        """Kill the daemon if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def command(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run another command of the program to its end."""
        return subprocess.run(
            [sys.executable, str(PROGRAM), *arguments],
            env=self._environment() | _variables(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def _is_fresh(self, started: float) -> bool:
        with suppress(FileNotFoundError):
            return self.status.stat().st_mtime > started
        return False

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HEYGEM_")}
        worker = {"FUZZ_SECONDS": str(self.job_seconds)} if self.job_seconds else {}
        worker |= {"FUZZ_DECODE": "1"} if self.with_decoding else {}
        return kept | worker | _variables({"SPOOL": str(self.root), **SETTINGS, **self.settings})


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until ``condition`` is true, for ``seconds`` at most; return whether it became true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _variables(settings: dict[str, str]) -> dict[str, str]:
    return {f"HEYGEM_{name}": value for name, value in settings.items()}
