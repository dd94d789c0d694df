"""Render pairs with the real daemon, and read what a process uses from /proc."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEBIBYTE = 1 << 20
POLL_SECONDS = 0.1
LOADED = re.compile(r"model loaded: .* in ([0-9.]+) s")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of ``heygem-daemon once``."""

    reports: list[dict[str, Any]]
    """The jobs' reports, in order."""
    supervisor_bytes: int
    """Peak resident memory of the supervisor."""
    log: str
    """What the daemon wrote to the console."""

    @property
    def load_seconds(self) -> float:
        """How long the worker loaded its first engine. Raises SystemExit where no log line says."""
        found = LOADED.search(self.log)
        if found is None:
            raise SystemExit(f"no engine was loaded:\n{self.log}")
        return float(found[1])


def render_pairs(audio: Path, video: Path, spool: Path, names: list[str]) -> Run:
    """Render the same pair under each of ``names``, as ``render_jobs``."""
    return render_jobs(dict.fromkeys(names, audio), video, spool)


def render_jobs(sounds: Mapping[str, Path], video: Path, spool: Path) -> Run:
    """Let ``video`` speak each of ``sounds``, by job name, with a new daemon and a new worker.

    One job follows the other: two workers would track the video at the same time.

    Raises SystemExit with the log if the daemon fails.
    """
    inbox = spool / "inbox"
    inbox.mkdir(parents=True)
    for name, audio in sounds.items():
        shutil.copyfile(audio, inbox / f"{name}{audio.suffix}")
        shutil.copyfile(video, inbox / f"{name}{video.suffix}")
    command = [str(Path(sys.executable).with_name("heygem-daemon")), "once"]
    with (spool / "console.log").open("wb") as log:
        settings = {"HEYGEM_SPOOL": str(spool), "HEYGEM_CPU_WORKERS": "1"}
        process = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)
        supervisor = 0
        while process.poll() is None:
            supervisor = max(supervisor, peak_bytes(process.pid))
            time.sleep(POLL_SECONDS)
    log_text = (spool / "console.log").read_text()
    missing = [name for name in sounds if not (spool / "outbox" / f"{name}.json").exists()]
    if process.returncode != 0 or missing:
        raise SystemExit(log_text)
    reports = [json.loads((spool / "outbox" / f"{name}.json").read_text()) for name in sounds]
    return Run(reports, supervisor, log_text)


def peak_bytes(pid: int) -> int:
    """Return the peak resident memory of a process without its children; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), 0)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process without its children (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int | str = "self") -> int:
    """Return the resident memory of a process (proc(5), statm)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def wait_until(fulfilled: Callable[[], bool]) -> None:
    """Wait until ``fulfilled()`` is true. Raises SystemExit after two minutes."""
    deadline = time.monotonic() + 120
    while not fulfilled():
        if time.monotonic() > deadline:
            raise SystemExit("the daemon did not get there in two minutes")
        time.sleep(0.005)
