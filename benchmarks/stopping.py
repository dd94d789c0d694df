"""How long a stop of the daemon takes in each stage of a job with long media.

``.venv/bin/python -m benchmarks.stopping`` makes a long clip from the demo's pair, lets the
real daemon render it, and sends SIGTERM as soon as the job has been in a stage for a moment. The
next daemon takes the job up again and is stopped in the next stage. Prints a table; exit status 1
if a stop took longer than ``--limit`` seconds. The table says which stages ended before the stop.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.clips import DEMO, looped_clip, looped_sound
from heygem_daemon.report.status import Status

STAGES = ("listen", "track", "render", "join", "review")
MOMENT_SECONDS = 0.5
"""How long a job has been in a stage before the stop."""
LINES = 240


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of the daemon."""

    stage: str
    seconds: float | None
    """From SIGTERM to the end of the daemon; None: the stage ended before it could be stopped."""
    status: int
    """The daemon's exit status."""


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=20, help="length of the sound")
    parser.add_argument("--limit", type=float, default=10.0, help="seconds that a stop may take")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heygem-benchmark-") as folder:
        stops = measure(Path(folder), arguments.minutes * 60)
    table = Table("stage", "seconds to the end", "exit status")
    for stop in stops:
        spent = "ended before" if stop.seconds is None else f"{stop.seconds:.1f}"
        table.add_row(stop.stage, spent, str(stop.status))
    Console().print(table)
    slow = [stop for stop in stops if (stop.seconds or 0.0) > arguments.limit or stop.status]
    raise SystemExit(1 if slow else 0)


def measure(folder: Path, seconds: int) -> list[Stop]:
    """Stop a daemon once in each stage of the same job."""
    spool = folder / "spool"
    (spool / "inbox").mkdir(parents=True)
    sound = looped_sound(DEMO / "speech.wav", folder / "long.wav", seconds)
    looped_clip(DEMO / "presenter.mp4", sound, folder / "long.mp4", LINES, seconds)
    for path in (sound, folder / "long.mp4"):
        path.rename(spool / "inbox" / path.name)
    return [stop_in(stage, spool) for stage in STAGES]


def stop_in(stage: str, spool: Path) -> Stop:
    """Run a daemon until its job is in ``stage`` or behind it, and stop it."""
    command = [str(Path(sys.executable).with_name("heygem-daemon")), "run"]
    settings = {"HEYGEM_SPOOL": str(spool), "HEYGEM_SETTLE_SECONDS": "1"}
    with (spool.parent / f"{stage}.log").open("wb") as log:
        daemon = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log)
        reached = wait_for_stage(stage, spool, daemon)
        time.sleep(MOMENT_SECONDS)
        began = time.monotonic()
        daemon.terminate()
        status = daemon.wait()
    return Stop(stage, time.monotonic() - began if reached else None, status)


def wait_for_stage(stage: str, spool: Path, daemon: "subprocess.Popen[bytes]") -> bool:
    """Wait until the job is in ``stage``; return False if it is behind it."""
    later = STAGES[STAGES.index(stage) + 1 :]
    while daemon.poll() is None:
        status = read_status(spool)
        # The status of the daemon before lies there until the new one has written its own.
        if status is not None and status.pid == daemon.pid:
            stages = {each.stage for each in status.jobs if each.state == "running"}
            if stage in stages:
                return True
            if stages.intersection(later) or status.finished:
                return False
        time.sleep(0.05)
    raise SystemExit(f"the daemon ended by itself: {daemon.returncode}")


def read_status(spool: Path) -> Status | None:
    """Return the daemon's status; None where there is none yet."""
    try:
        return Status.model_validate_json((spool / ".state" / "status.json").read_bytes())
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    main()
