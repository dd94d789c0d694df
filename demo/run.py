"""Run the real daemon on a temporary spool, drop a pair into its inbox, and wait for the result.

``make demo`` renders the presenter, ``make demo PORTRAIT=1`` animates a photograph. The last lines
of the output name the report, the before/after picture and the mp4.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT_SECONDS = 900


@contextmanager
def daemon(spool: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon as an operator does; its log goes to this console."""
    command = [str(Path(sys.executable).with_name("heygem-daemon")), "run"]
    process = subprocess.Popen(command, env=os.environ | {"HEYGEM_SPOOL": str(spool)})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=120)


def drop(audio: Path, face: Path, inbox: Path, name: str) -> None:
    """Copy a pair into the inbox without any precaution, as a user does."""
    shutil.copyfile(audio, inbox / f"{name}{audio.suffix}")
    shutil.copyfile(face, inbox / f"{name}{face.suffix}")


def wait_for(spool: Path, name: str, process: subprocess.Popen[bytes]) -> Path:
    """Wait for the published mp4. Raises SystemExit with the reason if there is none."""
    result, reason = spool / "outbox" / f"{name}.mp4", spool / "failed" / name / "reason.txt"
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if result.exists():
            return result
        if reason.exists():
            raise SystemExit(f"the job failed:\n{reason.read_text()}")
        if process.poll() is not None:
            raise SystemExit(f"the daemon ended with status {process.returncode}")
        time.sleep(0.2)
    raise SystemExit(f"no result after {LIMIT_SECONDS} s; see {spool / 'logs'}")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="render one real job with the real daemon")
    parser.add_argument("--portrait", action="store_true", help="animate a photograph")
    portrait = parser.parse_args().portrait
    spool = Path(tempfile.mkdtemp(prefix="heygem-demo-"))
    name = "portrait" if portrait else "presenter"
    with daemon(spool) as process:
        face = HERE / ("astronaut.png" if portrait else "presenter.mp4")
        inbox = spool / "inbox"
        while not inbox.is_dir() and process.poll() is None:
            time.sleep(0.1)
        drop(HERE / "speech.wav", face, inbox, name)
        result = wait_for(spool, name, process)
    print(f"report: {result.with_suffix('.json')}")
    print(f"before/after: {result.with_suffix('.png')}")
    print(f"result: {result}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
