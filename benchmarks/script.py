"""The published inference script itself, run as its users run it, in order to be timed.

It needs a clone of Rudrabha/Wav2Lip with an environment of its own; ``benchmarks.original`` tells
the same way again for whoever has none.
"""

import os
import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.engines.base import Box


@dataclass(frozen=True, slots=True)
class Script:
    """How to call it: ``command`` as in '/home/me/Wav2Lip/env/bin/python inference.py', run in
    ``folder``, the clone."""

    command: str
    folder: Path

    def job(
        self, checkpoint: Path, sound: Path, video: Path, box: Box, target: Path
    ) -> tuple[float, float]:
        """Render ``target``: seconds by the clock and of processors, its start not counted.

        What it takes to start is what it takes to print its help: mostly imports. Raises
        CalledProcessError where it fails.
        """
        given = {"checkpoint_path": checkpoint, "face": video, "audio": sound, "outfile": target}
        words = [word for name, path in given.items() for word in (f"--{name}", str(path))]
        edges = map(str, (box.top, box.bottom, box.left, box.right))
        (self.folder / "temp").mkdir(exist_ok=True)
        started, whole = self._timed("--help"), self._timed(*words, "--box", *edges)
        return whole[0] - started[0], whole[1] - started[1]

    def _timed(self, *words: str) -> tuple[float, float]:
        began, before = time.perf_counter(), _children()
        call = [*shlex.split(self.command), *words]
        subprocess.run(call, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began, _children() - before


def _children() -> float:
    """Seconds of processors that ended child processes have taken."""
    spent = os.times()
    return spent.children_user + spent.children_system
