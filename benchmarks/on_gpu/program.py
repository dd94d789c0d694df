"""Run the program as users do: ``once`` for some pairs, or ``run`` while something happens."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.on_gpu.bench import Bench, Pair

PROGRAM = (sys.executable, "-c", "from heygem_daemon.cli import main; main()")
POLL_SECONDS = 0.1
STOP_SECONDS = 20
TIME = re.compile(r"^\d{4}-\d\d-\d\d [\d:.+]+ ")


def drop(spool: Path, name: str, pair: Pair) -> None:
    """Put a pair into the inbox under ``name``."""
    inbox = spool / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    for source in (pair.audio, pair.video):
        draft = inbox / f"{name}{source.suffix}.part"
        shutil.copyfile(source, draft)
        draft.rename(draft.with_suffix(""))


class Outbox:
    """Finds the results that are new since it was made."""

    def __init__(self, spool: Path) -> None:
        self._folder = spool / "outbox"
        self._known = set(self._folder.glob("*.json"))

    def reports(self) -> list[dict[str, Any]]:
        """Return the reports that appeared since the last call, the oldest first."""
        found = set(self._folder.glob("*.json"))
        new = [json.loads(path.read_text()) for path in found - self._known]
        self._known = found
        return sorted(new, key=lambda report: str(report["finished"]))


@dataclass(frozen=True)
class Live:
    """A running program and its spool."""

    process: "subprocess.Popen[Any]"
    spool: Path

    def status(self) -> dict[str, Any]:
        """Return the latest status; empty before there is one."""
        try:
            status: dict[str, Any] = json.loads((self.spool / ".state/status.json").read_text())
        except FileNotFoundError:
            return {}
        return status

    def results(self, names: list[str], seconds: float) -> list[dict[str, Any]]:
        """Wait for the reports of ``names``. Raises RuntimeError after ``seconds``."""
        paths = [self.spool / "outbox" / f"{name}.json" for name in names]
        if not self.wait(lambda: all(path.exists() for path in paths), seconds):
            raise RuntimeError(end_of_log(self.spool))
        return [json.loads(path.read_text()) for path in paths]

    def wait(self, fulfilled: Callable[[], bool], seconds: float) -> bool:
        """Wait for ``seconds`` while the program runs; return whether ``fulfilled()`` is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if fulfilled():
                return True
            if self.process.poll() is not None:
                return fulfilled()
            time.sleep(POLL_SECONDS)
        return fulfilled()


@contextmanager
def running(bench: Bench, spool: Path, command: str = "run", **settings: object) -> Iterator[Live]:
    """Start the program; stop it at the end of the block."""
    spool.mkdir(parents=True, exist_ok=True)
    environment = bench.environment(spool, **settings)
    with (spool / "console.log").open("ab") as log:
        process = subprocess.Popen([*PROGRAM, command], env=environment, stdout=log, stderr=log)
        try:
            yield Live(process, spool)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def render_pairs(
    bench: Bench, spool: Path, pairs: list[tuple[str, Pair]], **settings: object
) -> Iterator[dict[str, Any]]:
    """Render all pairs in one run of the program; yield each report as soon as it is there.

    Raises RuntimeError with the end of the log if one is missing.
    """
    for name, pair in pairs:
        drop(spool, name, pair)
    outbox, missing = Outbox(spool), len(pairs)
    with running(bench, spool, "once", **settings) as live:
        ended = False
        while not ended:
            ended = live.process.poll() is not None
            for report in outbox.reports():
                missing -= 1
                yield report
            time.sleep(POLL_SECONDS)
    if missing:
        raise RuntimeError(end_of_log(spool))


def log_lines(spool: Path, pattern: str) -> list[str]:
    """Return the lines of the program's log that match ``pattern``, without the time."""
    text = (spool / "console.log").read_text(errors="replace")
    lines = (TIME.sub("", line) for line in text.splitlines())
    return [line for line in lines if re.search(pattern, line)]


def end_of_log(spool: Path) -> str:
    """Return the last lines of the log in one line."""
    return " / ".join(log_lines(spool, "")[-5:])
