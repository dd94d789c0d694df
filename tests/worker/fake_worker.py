"""A worker without an engine that speaks the protocol and does what the job's id says."""

import json
import os
import signal
import subprocess
import sys
import time

REPORTS = 1000
"""How much progress the job "many reports" tells: more than a pool keeps."""


def send(kind: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"kind": kind, **fields}) + "\n")
    sys.stdout.flush()


def load(message: dict[str, object]) -> None:
    if message["engine"] == "unfit":
        send("unfit", reason="no weights")
        sys.exit(0)
    if message["engine"] == "broken":
        sys.exit("OSError: libcublas.so.12: cannot open")
    send(
        "ready",
        engine=message["engine"],
        device=message["device"],
        device_name="fake",
        uuid=message["uuid"],
        precision="fp32",
        seconds=0.0,
        vram_bytes=1000,
        rss_bytes=os.getpid(),
        weights_sha256="",
    )


def misbehave(job: str) -> None:
    if job == "many reports":
        for frames in range(REPORTS):
            send("progress", job_id=job, stage="track", frames=frames, total_frames=REPORTS)
    if job == "hang":
        time.sleep(600)
    if job == "usurper":
        send("rendered", job_id="chunked", result="result.mp4", report="report.json")
    if job == "flood":
        while True:
            send("note", level="DEBUG", text="x" * 1000, job_id=job)


def render(job: str) -> None:
    send("progress", job_id=job, stage="render", chunk=1, chunks=2)
    if job == "segfault":
        sys.stderr.write("decoding\nabout to break\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGSEGV)
    if job == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "hang with a child":
        child = subprocess.Popen(["sleep", "600"])
        send("note", level="INFO", text=str(child.pid))
        time.sleep(600)
    if job == "hang with vitals":
        while True:
            send("vitals", rss_bytes=1)
            time.sleep(0.02)
    misbehave(job)
    if job == "garbage":
        sys.stdout.write("Downloading 50%\n\n")
        sys.stdout.buffer.write(b"\xff\xfe{\n")
    if job == "environment":
        send("note", level="INFO", text=json.dumps(dict(os.environ)))
    if job == "crash":
        send("crashed", job_id=job, error="ValueError: x", traceback="Traceback")
        sys.exit(0)
    send("vitals", rss_bytes=2, vram_reserved_bytes=3000, vram_active_bytes=2000)
    send("rendered", job_id=job, result="result.mp4", report="report.json")


def main() -> None:
    job: str | None = None
    loaded: list[str] = []
    for line in sys.stdin:
        message = json.loads(line)
        if message["kind"] == "load":
            load(message)
        elif message["kind"] == "pause":
            send("paused", job_id=message["job_id"])
            job = None
        elif message["kind"] == "halt":
            send("halted", job_id=job)
            return
        elif message["job_id"] == "chunked":
            job = "chunked"  # waits for Halt
            send("progress", job_id=job, stage="render", chunk=1, chunks=2)
        else:
            if message["engine"] not in (None, *loaded):
                load(message | {"device": "fake", "uuid": None})
                loaded.append(message["engine"])
            render(message["job_id"])


if __name__ == "__main__":
    main()
