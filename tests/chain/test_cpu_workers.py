"""The real daemon renders with several workers on the CPU what it renders with one."""

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import av
import pytest

from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader
from tests.chain.conftest import DEMO, cut_sound

pytestmark = pytest.mark.slow

PROGRAM = str(Path(sys.executable).with_name("heygem-daemon"))
PICTURES = 30
CHUNK_SECONDS = 1


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "spool/inbox").mkdir(parents=True)
    return tmp_path / "spool"


def drop(spool: Path, *names: str) -> None:
    """Drop pairs of a bit more than a second, so that each has two chunks."""
    audio, video = spool.parent / "a.wav", spool.parent / "a.mp4"
    if not video.exists():
        cut_sound(audio, PICTURES / 25)
        with VideoReader(DEMO / "presenter.mp4") as reader:
            info = reader.info
            with SegmentWriter(video, info.width, info.height, info.fps, info.colour) as writer:
                for picture in reader.read_range(0, PICTURES):
                    writer.write(picture)
    for name in names:
        shutil.copyfile(audio, spool / f"inbox/{name}.wav")
        shutil.copyfile(video, spool / f"inbox/{name}.mp4")


def render(spool: Path, workers: int) -> str:
    """Work off the inbox; return the log of that."""
    log = spool / "logs" / "heygem-daemon.log"
    before = log.stat().st_size if log.exists() else 0
    settings = {
        "SPOOL": str(spool),
        "DEVICE": "cpu",
        "SETTLE_SECONDS": "0.5",
        "CHUNK_SECONDS": str(CHUNK_SECONDS),
        "CPU_WORKERS": str(workers),
    }
    environment = {f"HEYGEM_{name}": value for name, value in settings.items()}
    subprocess.run([PROGRAM, "once"], env=os.environ | environment, check=True, timeout=900)
    return log.read_text()[before:]


def packets(video: Path) -> str:
    """Return a hash of what is encoded: the file itself names its job."""
    with av.open(str(video)) as container:
        found = sha256()
        for packet in container.demux():
            found.update(bytes(packet))
    return found.hexdigest()


def test_two_workers_render_side_by_side_the_same_bits(spool: Path) -> None:
    drop(spool, "alone")
    render(spool, workers=1)
    drop(spool, "one", "two")
    log = render(spool, workers=2)
    assert "job started on CPU, worker 1" in log
    assert "job started on CPU, worker 2" in log
    outbox = spool / "outbox"
    results = {packets(outbox / f"{name}.mp4") for name in ("alone", "one", "two")}
    assert len(results) == 1
    reports = [json.loads((outbox / f"{name}.json").read_text()) for name in ("one", "two")]
    assert all(each["chunks"]["drawn"] == 2 for each in reports)
