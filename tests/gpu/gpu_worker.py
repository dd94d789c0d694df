"""A worker that looks up its GPU in the stub's script, and needs no CUDA.

It draws nothing: a job's result is the UUID of the GPU that it ran on. A job whose audio file says
"linger <file>" runs until that file exists. If its GPU is lost in the meantime, the worker ends
like one whose CUDA context is broken. With "hang <file>" it does not notice the loss.
"""

import json
import os
import sys
import time
from pathlib import Path

UUID = os.environ["CUDA_VISIBLE_DEVICES"]
SCRIPT = Path(os.environ["NVML_STUB"])


def send(kind: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"kind": kind, **fields}) + "\n")
    sys.stdout.flush()


def is_lost() -> bool:
    """Return whether the script lacks this GPU, or has an error for it."""
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    place = next((line.split(".")[0] for line in lines if line.endswith(f".uuid {UUID}")), None)
    return place is None or any(line.startswith(f"{place}.fail.") for line in lines)


def render(message: dict[str, str]) -> bool:
    """Render one job; return whether the worker can go on."""
    job, workspace = message["job_id"], Path(message["workspace"])
    order, _, signal = Path(message["audio"]).read_text(encoding="utf-8").partition(" ")
    send("progress", job_id=job, stage="render", chunk=1, chunks=2, frames=5, total_frames=10)
    supervisor = os.getppid()
    while order != "render" and not Path(signal).exists() and os.getppid() == supervisor:
        if order == "linger" and is_lost():
            send("deferred", job_id=job, reason="The GPU failed: unknown error.", of_device=True)
            return False
        time.sleep(0.02)
    (workspace / "result.mp4").write_text(UUID, encoding="utf-8")
    (workspace / "report.json").write_text('{"coverage": 1.0}', encoding="utf-8")
    files = {name: str(workspace / file) for name, file in FILES.items()}
    send("rendered", job_id=job, **files)
    return True


FILES = {"result": "result.mp4", "report": "report.json"}


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if message["kind"] == "load":
            if message["uuid"] != UUID or message["device"] != "cuda:0":
                sys.exit(f"expected {message['uuid']}, but sees {UUID}")
            send(
                "ready",
                engine="fake",
                device="cuda:0",
                device_name="NVIDIA L4",
                uuid=UUID,
                precision="float32",
                seconds=0.0,
                vram_bytes=1 << 30,
                rss_bytes=1,
                weights_sha256="",
            )
        elif message["kind"] == "render":
            if not render(message):
                return
        else:
            send("halted")
            return


main()
