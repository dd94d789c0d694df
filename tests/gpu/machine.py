"""A machine whose GPUs a test removes, fills and breaks while the daemon runs on it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heygem_daemon.system.units import GIB

PROGRAM = Path(__file__).with_name("daemon_process.py")
PATIENCE = 60.0


@dataclass
class Gpu:
    """A GPU of 24 GiB."""

    uuid: str
    tenants: tuple[float, ...] = ()
    """GiB that each process of another program holds."""
    own_workers: tuple[float, ...] = ()
    """GiB that each of our own workers holds."""
    error: int = 0
    """NVML's error code for this GPU; 0: none."""

    def lines(self, index: int) -> list[str]:
        held = ",".join(str(int(gib * GIB)) for gib in self.tenants + self.own_workers)
        lines = [
            f"{index}.uuid {self.uuid}",
            f"{index}.name NVIDIA L4",
            f"{index}.total {24 * GIB}",
            f"{index}.free {24 * GIB}",
            f"{index}.utilisation 3",
            f"{index}.temperature 40",
        ]
        if held:
            lines += [f"{index}.tenants {held}", f"{index}.processes {held}"]
        if self.error:
            lines += [f"{index}.fail.nvmlDeviceGetHandleByIndex_v2 {self.error}"]
        return lines


@dataclass
class Machine:
    """A driver library with its script, a spool, and the daemons on it."""

    folder: Path
    """Holds the script, the spool, and the daemons' output."""
    driver: Path
    """Folder of the driver library."""
    gpus: list[Gpu] = field(default_factory=list)
    extra_lines: list[str] = field(default_factory=list)
    """Further lines of the script."""
    daemons: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    def change(self) -> None:
        """Write ``gpus`` and ``extra_lines`` to the script, where the driver library reads them."""
        lines = ["driver 580.65.06", "cuda 13000", f"count {len(self.gpus)}", *self.extra_lines]
        for index, gpu in enumerate(self.gpus):
            lines += gpu.lines(index)
        draft = self.folder / "script.new"
        draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
        draft.replace(self.folder / "script")

    def start(self, *arguments: str, program: tuple[str, ...] = (str(PROGRAM),)) -> None:
        """Start a daemon on this machine; ``program`` is what Python runs."""
        self.change()
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HEYGEM_")}
        environment = {
            **kept,
            "HEYGEM_SPOOL": str(self.spool),
            "HEYGEM_SETTLE_SECONDS": "0.2",
            "HEYGEM_SCAN_SECONDS": "0.1",
            "LD_LIBRARY_PATH": str(self.driver),
            "NVML_STUB": str(self.folder / "script"),
        }
        with (self.folder / "output").open("w", encoding="utf-8") as output:
            self.daemons.append(
                subprocess.Popen(
                    [sys.executable, *program, *arguments],
                    env=environment,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )

    def drop(self, name: str, order: str = "render") -> None:
        """Drop a pair into the inbox; ``order`` is for the worker (see ``gpu_worker``)."""
        inbox = self.spool / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        (inbox / f"{name}.wav").write_text(order, encoding="utf-8")
        (inbox / f"{name}.mp4").write_text("video", encoding="utf-8")

    def drop_batch(self, name: str, members: int, order: str = "render") -> None:
        """Drop a folder with one audio file for several videos."""
        batch = self.spool / "inbox" / name
        batch.mkdir(parents=True, exist_ok=True)
        (batch / "speech.wav").write_text(order, encoding="utf-8")
        for number in range(members):
            (batch / f"v{number}.mp4").write_text(f"video {number}", encoding="utf-8")

    def drop_media(self, audio: Path, video: Path) -> None:
        """Drop a pair of real media files."""
        inbox = self.spool / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        for file in (audio, video):
            shutil.copy(file, inbox / f"talk{file.suffix}")

    def ran_on(self, name: str) -> str | None:
        """Return the UUID of the GPU that rendered a job; None until the job is published."""
        result = self.spool / "outbox" / f"{name}.mp4"
        return result.read_text(encoding="utf-8") if result.exists() else None

    def status(self) -> dict[str, Any]:
        path = self.spool / ".state" / "status.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    def hangs(self) -> bool:
        """Return whether the daemon's reader thread hangs in the driver library."""
        return (self.folder / "script.hangs").exists()

    def hold(self) -> str:
        """Return why jobs wait, from the status."""
        return str(self.status().get("hold") or "")

    def output(self) -> str:
        return (self.folder / "output").read_text(encoding="utf-8")

    def until(self, fulfilled: Callable[[], object]) -> None:
        """Wait until ``fulfilled`` returns true, at most a minute."""
        deadline = time.monotonic() + PATIENCE
        while not fulfilled():
            assert self.daemons[-1].poll() is None, self.output()
            assert time.monotonic() < deadline, f"never; {self.status()}\n{self.output()}"
            time.sleep(0.05)

    def end(self) -> None:
        for daemon in self.daemons:
            daemon.kill()
            daemon.communicate()
