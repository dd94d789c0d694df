"""Run the parts of a long benchmark, each in a process of its own with a time limit.

What a part has printed is kept, whether it ends, fails or is stopped. When its process has ended,
its GPU memory is free again.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

LEAST_SECONDS = 5.0
"""A part with less time left than this is not started."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the benchmark."""

    name: str
    """As on the command line."""
    seconds: float
    """Time limit."""


def run_parts(
    parts: Iterable[Part], command: Sequence[str], total_seconds: float, target: Path | None
) -> bool:
    """Run ``command`` with each part's name as its last argument.

    Prints the output of the parts, and appends it to ``target``. Returns whether all succeeded.
    """
    deadline = time.monotonic() + total_seconds
    results = [_run(part, command, deadline, target) for part in parts]
    return all(results)


def _run(part: Part, command: Sequence[str], deadline: float, target: Path | None) -> bool:
    limit = min(part.seconds, deadline - time.monotonic())
    if limit < LEAST_SECONDS:
        _print(f"\n*{part.name}: not started, the time is up*", target)
        return False
    began = time.monotonic()
    with subprocess.Popen(
        [*command, part.name], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        timer = Timer(limit, _kill, [process])
        timer.start()
        try:
            for line in process.stdout or ():
                _print(line.rstrip("\n"), target)
            status = process.wait()
        finally:
            timer.cancel()
            _kill(process)  # and every process that it has started
    seconds = time.monotonic() - began
    if status == 0:
        print(f"({part.name}: {seconds:.0f} s)", file=sys.stderr, flush=True)
    else:
        how = f"stopped after {seconds:.0f} s" if status == -signal.SIGKILL else f"status {status}"
        _print(f"\n*{part.name}: {how}; the rows above were measured before*", target)
    return status == 0


def _kill(process: "subprocess.Popen[str]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _print(line: str, target: Path | None) -> None:
    print(line, flush=True)
    if target is not None:
        with target.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
