"""A worker without an engine: does what the job's sound file says, and copies the video."""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path


def say(kind: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"kind": kind, **fields}) + "\n")
    sys.stdout.flush()


def render(message: dict[str, str]) -> None:
    job, workspace = message["job_id"], Path(message["workspace"])
    order = Path(message["audio"]).read_text()
    say("progress", job_id=job, stage="render", chunk=1, chunks=2, frames=5, total_frames=10)
    if order == "refuse":
        say("refused", job_id=job, reason="There is no face.", remedy="Show one.")
        return
    if order == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if order == "until paused":
        # The next line can only be the supervisor's wish that the job stops.
        sys.stdin.readline()
        say("paused", job_id=job)
        return
    supervisor = os.getppid()
    while order == "linger" and os.getppid() == supervisor:
        time.sleep(0.05)
    if order == "linger once" and not (workspace / "lingered").exists():
        (workspace / "lingered").touch()
        while os.getppid() == supervisor:
            time.sleep(0.05)
        return
    shutil.copy(message["video"], workspace / "result.mp4")
    (workspace / "report.json").write_text('{"coverage": 1.0}')
    say(
        "rendered",
        job_id=job,
        result=str(workspace / "result.mp4"),
        report=str(workspace / "report.json"),
    )


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if message["kind"] == "load":
            say(
                "ready",
                engine="fake",
                device="cpu",
                device_name="CPU",
                uuid=None,
                precision="float32",
                seconds=0.0,
                vram_bytes=None,
                rss_bytes=1,
                weights_sha256="",
            )
        elif message["kind"] == "render":
            render(message)
        else:
            say("halted")
            return


main()
