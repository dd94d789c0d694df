"""A daemon that uses a cluster of Ray on this machine."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.clips import looped_sound
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader
from tests.chain.conftest import DEMO, cut_sound

PROGRAM = str(Path(sys.executable).with_name("heygem-daemon"))
PATIENCE = 240.0
PICTURES = 100


class Daemon:
    """A daemon that owns a spool and uses the cluster."""

    def __init__(self, spool: Path, address: str, environment: Mapping[str, str]) -> None:
        """``environment``: what it needs beside the settings, as the token of Ray."""
        self.spool = spool
        (spool / "inbox").mkdir(parents=True)
        settings = {
            "SPOOL": str(spool),
            "DEVICE": "cpu",
            "CPU_WORKERS": "1",
            "SETTLE_SECONDS": "0.5",
            "CHUNK_SECONDS": "1",
        }
        self._environment = {f"HEYGEM_{name}": value for name, value in settings.items()}
        self._environment |= environment
        self._command = [PROGRAM, "run", "--cluster", address]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, env=os.environ | self._environment)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def log(self) -> str:
        with suppress(FileNotFoundError):
            return (self.spool / "logs" / "heygem-daemon.log").read_text()
        return ""

    def wait(self, done: Callable[[], object], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def wait_for(self, text: str, count: int = 1, seconds: float = PATIENCE) -> None:
        self.wait(lambda: self.log.count(text) >= count, seconds)

    def drop(self, *names: str, pictures: int = PICTURES) -> None:
        """Drop pairs, all of as many pictures."""
        audio, video = self.spool.parent / "a.wav", self.spool.parent / "a.mp4"
        if not video.exists():
            make_pair(audio, video, pictures)
        for name in names:
            shutil.copyfile(video, self.spool / f"inbox/{name}.mp4")
            shutil.copyfile(audio, self.spool / f"inbox/{name}.wav")

    def drop_long(self, name: str, seconds: float) -> None:
        """Drop a job of ``seconds``, whose short video is repeated."""
        make_pair(self.spool.parent / "long.wav", self.spool / f"inbox/{name}.mp4")
        looped_sound(DEMO / "speech.wav", self.spool / f"inbox/{name}.wav", seconds)

    def running_job(self) -> Path:
        """Return the folder of the job that runs: the only one."""
        (folder,) = (self.spool / "processing").iterdir()
        return folder

    def report(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.spool / f"outbox/{name}.json").read_text())
        return found

    def wait_for_results(self, *names: str) -> None:
        self.wait(lambda: all((self.spool / f"outbox/{each}.json").exists() for each in names))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(60)


def make_pair(audio: Path, video: Path, pictures: int = PICTURES) -> None:
    cut_sound(audio, pictures / 25)
    with VideoReader(DEMO / "presenter.mp4") as reader:
        info = reader.info
        with SegmentWriter(video, info.width, info.height, info.fps, info.colour) as writer:
            for picture in reader.read_range(0, pictures):
                writer.write(picture)
