"""A worker without an engine. It imports only the standard library, to start in milliseconds.

It renders three chunks as small files, then a result that follows from the bytes of the two inputs.
The first line of the audio file is its order: what it shall do with the job.

The environment says when it shall be killed: with ``CRASH_WORKER=worker:4`` it kills itself at its
fourth step, with ``both:4`` also the daemon. Only the first worker that creates the file
``CRASH_KILL_FILE`` does so; it writes there which processes were killed, ``worker`` or ``both``.
"""

import ctypes
import hashlib
import json
import os
import signal
import sys
from itertools import count
from pathlib import Path

CHUNKS = 3
SEAL = b"sealed\n"
DIGEST_REPEATS = 4096
"""How often a result repeats its digest, so that it takes more than one write."""

_steps = count(1)


def sealed(content: bytes) -> bytes:
    """Return ``content`` behind its hash, so that ``is_whole`` detects a part of it."""
    return SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def is_whole(data: bytes) -> bool:
    """Return whether ``data`` is a complete return value of ``sealed``."""
    head, digest, content = data[: len(SEAL)], data[len(SEAL) :][:64], data[len(SEAL) + 65 :]
    return head == SEAL and hashlib.sha256(content).hexdigest().encode() == digest


def result_of(audio: bytes, video: bytes) -> bytes:
    """Return the only correct result of two inputs."""
    return sealed(hashlib.sha256(audio + b"|" + video).hexdigest().encode() * DIGEST_REPEATS)


def segment_name(number: int) -> str:
    """Return the file name of a chunk, from 0."""
    return f"segment-{number:05d}.mp4"


def chunk_of(number: int, audio: bytes) -> bytes:
    """Return the only correct content of a chunk."""
    return sealed(b"%d" % number + audio)


def step() -> None:
    """Kill this process if the environment says so for this step."""
    victim, _, number = os.environ.get("CRASH_WORKER", "").partition(":")
    if victim and int(number) == next(_steps):
        try:
            with Path(os.environ["CRASH_KILL_FILE"]).open("x") as file:
                file.write(victim)
        except FileExistsError:
            return
        if victim == "both":
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def send(kind: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"kind": kind, **fields}) + "\n")
    sys.stdout.flush()


def write(path: Path, data: bytes) -> None:
    """Write a file as the real worker does: under another name, then renamed. Each state is a
    step."""
    step()
    draft = path.with_name(f".{path.name}.part")
    with draft.open("wb") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        step()
        file.write(data[len(data) // 2 :])
    step()
    draft.replace(path)


def render(message: dict[str, str]) -> None:
    job, workspace = message["job_id"], Path(message["workspace"])
    audio, video = Path(message["audio"]).read_bytes(), Path(message["video"]).read_bytes()
    order = audio.partition(b"\n")[0].decode()
    if order == "refuse":
        send("refused", job_id=job, reason="There is no face.", remedy="Show one.")
        return
    for number in range(CHUNKS):
        send("progress", job_id=job, stage="render", chunk=number + 1, chunks=CHUNKS)
        segment = workspace / segment_name(number)
        if not segment.exists():
            write(segment, chunk_of(number, audio))
        if order == "poison" and number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    if order == "crash":
        send("crashed", job_id=job, error="ValueError: x", traceback="Traceback")
        sys.exit(0)
    once = workspace / "deferred"
    if order == "defer" and not once.exists():
        once.touch()
        send("deferred", job_id=job, reason="The disk is full.")
        return
    write(workspace / "result.mp4", result_of(audio, video))
    write(workspace / "strip.png", sealed(audio))
    write(workspace / "report.json", b'{"coverage": 1.0}')
    step()
    files = {name: str(workspace / name) for name in ("result.mp4", "report.json", "strip.png")}
    result, report, strip = files.values()
    send("rendered", job_id=job, result=result, report=report, strip=strip)


def main() -> None:
    # PR_SET_PDEATHSIG, as in the real worker: it ends when its daemon ends.
    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
    for line in sys.stdin:
        message = json.loads(line)
        step()
        if message["kind"] == "load":
            send(
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
            send("halted")
            return


if __name__ == "__main__":
    main()
