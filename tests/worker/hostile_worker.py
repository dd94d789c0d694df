"""The real worker process with a fake engine, and a renderer that a file has taken over.

It tries what the paths of its job allow it to know, and refuses the job with what came of it as
JSON. The loading of the engine tries the same outside a job's thread.
"""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heygem_daemon.engines.base import Device
from heygem_daemon.errors import BadInput
from heygem_daemon.gpu.needs import ESTIMATE, Need
from heygem_daemon.protocol import Load, Progress, Render, Rendered
from heygem_daemon.worker import main


class FakeEngine:
    """As much of an engine as the conversation looks at."""

    device = Device()
    name = "fake"
    precision, precision_reason = "float32", ""
    weights_sha256 = "00"
    networks = ()
    batch = 8

    def __init__(self, warnings: tuple[str, ...]) -> None:
        self.warnings = warnings


def attempt(action: Callable[[], object]) -> str:
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def attack(spool: Path, workspace: Path) -> dict[str, str]:
    """Try to reach what is outside ``processing/`` and the cache."""
    result = spool / "outbox" / "other.mp4"
    return {
        "read a result": attempt(result.read_bytes),
        "write to the outbox": attempt((spool / "outbox" / "forged.mp4").touch),
        "change a result": attempt(lambda: result.open("r+b")),
        "shorten a result": attempt(lambda: os.truncate(result, 0)),
        "hide a result": attempt(lambda: result.chmod(0)),
        "delete a result": attempt(result.unlink),
        "list the inbox": attempt(lambda: list((spool / "inbox").iterdir())),
        "take a file from the inbox": attempt(
            lambda: (spool / "inbox" / "new.wav").rename(workspace / "new.wav")
        ),
        "publish by itself": attempt(lambda: workspace.rename(spool / "outbox" / "folder")),
        "write the state": attempt((spool / ".state" / "status.json").touch),
        "list the home folder": attempt(lambda: list(Path.home().iterdir())),
        "list the root folder": attempt(lambda: list(Path("/").iterdir())),
        "write a temporary file": attempt(Path("/tmp/heygem-hostile").touch),
        "change the program": attempt(lambda: Path(main.__file__).open("r+b")),
        "open a TCP socket": attempt(socket.socket),
        "open a UNIX socket": attempt(lambda: socket.socket(socket.AF_UNIX)),
        "start a program": attempt(lambda: subprocess.run([sys.executable, "-V"], check=False)),
        "signal the supervisor": attempt(lambda: os.kill(os.getppid(), 0)),
    }


def attack_jobs(spool: Path, render: Render) -> dict[str, str]:
    """Try to reach another job and the own one's journal."""
    workspace = Path(render.workspace)
    jobs = spool / "processing"
    other = next(path for path in (jobs / "one", jobs / "two") if path != workspace.parent)
    return {
        "list all jobs": attempt(lambda: list(jobs.iterdir())),
        "read another job": attempt((other / "audio.wav").read_bytes),
        "link another job": attempt(lambda: (workspace / "a").hardlink_to(other / "audio.wav")),
        "read another journal": attempt((other / "job.json").read_bytes),
        "write to another job": attempt((other / "work" / "segment-00000.mp4").touch),
        "delete another job": attempt((other / "video.mp4").unlink),
        "read its own journal": attempt((workspace.parent / "job.json").read_bytes),
        "change its own sound": attempt(lambda: Path(render.audio).open("r+b")),
        "rename its own sound": attempt(lambda: Path(render.audio).rename(workspace / "x.wav")),
    }


def work(render: Render, cache: Path, weights: Path) -> dict[str, str]:
    """Do what rendering does."""
    workspace = Path(render.workspace)
    return {
        "read its sound": attempt(Path(render.audio).read_bytes),
        "read its video": attempt(Path(render.video).read_bytes),
        "write its workspace": attempt((workspace / ".draft").touch),
        "finish a segment": attempt(lambda: (workspace / ".draft").rename(workspace / "done")),
        "write the cache": attempt((cache / "template").touch),
        "read the weights": attempt((weights / "mine.pth").read_bytes),
        "read its memory use": attempt(Path("/proc/self/statm").read_bytes),
    }


class HostileRenderer:
    """Its answer is what it could do, by name."""

    def __call__(
        self,
        engine: Any,
        render: Render,
        cache: Path,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> Rendered:
        spool = cache.parent
        found: dict[str, dict[str, str]] = {}

        def try_everything() -> None:
            found["work"] = work(render, cache, spool.parent / "weights")
            found["jobs"] = attack_jobs(spool, render)
            found["outside"] = attack(spool, Path(render.workspace))

        try_everything()
        first = dict(found)
        inner = threading.Thread(target=try_everything)
        inner.start()
        inner.join()
        raise BadInput(json.dumps({"thread": first, "its own thread": found}), "")


class HostileLoader:
    """Stands for code that a decoder's flaw has let into another thread of the process."""

    def load(self, load: Load) -> Any:
        spool = Path(load.cache).parent
        reached = attack(spool, spool / "processing" / "one" / "work") if load.confine_to else {}
        return FakeEngine((json.dumps(reached),))

    def resolve_need(self, engine: Any, load: Load) -> Need:
        return ESTIMATE

    def record_peak(self, engine: Any, load: Load) -> None:
        pass


if __name__ == "__main__":
    vars(main).update(Loader=HostileLoader, Renderer=HostileRenderer)
    main.main()
