"""A worker without an engine, of the standard library alone: it starts in a few milliseconds.

It renders three chunks as small files, one after the other, then a result whose bytes follow from
those of the two inputs. What it shall do is the first line of the sound; when it shall die, the
environment says: ``CRASH_WORKER=worker:4`` kills it at its fourth step, ``both:4`` the daemon too.
Only one does of all that find the same file ``CRASH_TOLL``: its victim is written there.
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
LONGER = 4096
"""Times that a result's digest is repeated, so that it takes more than one write."""

_steps = count(1)


def sealed(content: bytes) -> bytes:
    """``content`` behind its hash: any part of it is told from the whole."""
    return SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def is_whole(data: bytes) -> bool:
    """Whether ``data`` is all of something that was ``sealed``."""
    head, digest, content = data[: len(SEAL)], data[len(SEAL) :][:64], data[len(SEAL) + 65 :]
    return head == SEAL and hashlib.sha256(content).hexdigest().encode() == digest


def result_of(audio: bytes, video: bytes) -> bytes:
    """The only right result of two inputs."""
    return sealed(hashlib.sha256(audio + b"|" + video).hexdigest().encode() * LONGER)


def step() -> None:
    """A moment at which the environment may want this process dead."""
    victim, _, number = os.environ.get("CRASH_WORKER", "").partition(":")
    if victim and int(number) == next(_steps):
        try:
            with Path(os.environ["CRASH_TOLL"]).open("x") as toll:
                toll.write(victim)
        except FileExistsError:
            return
        if victim == "both":
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def say(kind: str, **fields: object) -> None:
    sys.stdout.write(json.dumps({"kind": kind, **fields}) + "\n")
    sys.stdout.flush()


def write(path: Path, data: bytes) -> None:
    """As the real worker does it: under another name, then renamed; a step in each state."""
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
        say("refused", job_id=job, reason="There is no face.", remedy="Show one.")
        return
    for number in range(CHUNKS):
        say("progress", job_id=job, stage="render", chunk=number + 1, chunks=CHUNKS)
        segment = workspace / f"segment-{number:05d}.mp4"
        if not segment.exists():
            write(segment, sealed(b"%d" % number + audio))
        if order == "poison" and number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
    if order == "crash":
        say("crashed", job_id=job, error="ValueError: x", traceback="Traceback")
        sys.exit(0)
    once = workspace / "deferred"
    if order == "defer" and not once.exists():
        once.touch()
        say("deferred", job_id=job, reason="The disk is full.")
        return
    write(workspace / "result.mp4", result_of(audio, video))
    write(workspace / "strip.png", sealed(audio))
    write(workspace / "report.json", b'{"coverage": 1.0}')
    step()
    files = {name: str(workspace / name) for name in ("result.mp4", "report.json", "strip.png")}
    result, report, strip = files.values()
    say("rendered", job_id=job, result=result, report=report, strip=strip)


def main() -> None:
    # PR_SET_PDEATHSIG, as the real worker does: nobody draws for a daemon that is dead.
    ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))
    for line in sys.stdin:
        message = json.loads(line)
        step()
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


if __name__ == "__main__":
    main()
