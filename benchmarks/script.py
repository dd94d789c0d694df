"""Run and time Wav2Lip's published inference script.

It needs a clone of Rudrabha/Wav2Lip with an environment of its own. Without one,
``benchmarks.original`` reproduces the same steps.
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
    """How to call the script."""

    command: str
    """As in '/home/me/Wav2Lip/env/bin/python inference.py'."""
    folder: Path
    """The clone, in which the command runs."""

    def job(
        self, checkpoint: Path, sound: Path, video: Path, box: Box, target: Path
    ) -> tuple[float, float]:
        """Render ``target``. Returns wall and processor seconds without those of its start.

        The start, mostly imports, is measured by letting the script print its help. Raises
        CalledProcessError if the script fails.
        """
        options = {"checkpoint_path": checkpoint, "face": video, "audio": sound, "outfile": target}
        arguments = [part for name, path in options.items() for part in (f"--{name}", str(path))]
        edges = map(str, (box.top, box.bottom, box.left, box.right))
        (self.folder / "temp").mkdir(exist_ok=True)
        started, whole = self._timed("--help"), self._timed(*arguments, "--box", *edges)
        return whole[0] - started[0], whole[1] - started[1]

    def _timed(self, *arguments: str) -> tuple[float, float]:
        began, before = time.perf_counter(), _children()
        call = [*shlex.split(self.command), *arguments]
        subprocess.run(call, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began, _children() - before


def _children() -> float:
    """Return the processor seconds of child processes that have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system
