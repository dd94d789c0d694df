"""A running daemon uses a changed checkpoint of the user for the next job."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from heygem_daemon.engines.checkpoints import BUILTIN_FOLDER, checkpoint_sha256
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader
from tests.chain.conftest import DEMO, WEIGHTS, cut_sound
from tests.engines.wav2lip.conftest import random_generator

pytestmark = pytest.mark.slow

PICTURES = 12
PATIENCE_SECONDS = 900.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Half a second of the demo's speech, and of its video."""
    folder = tmp_path_factory.mktemp("pair")
    audio, video = folder / "audio.wav", folder / "video.mp4"
    cut_sound(audio, 0.48)
    with VideoReader(DEMO / "presenter.mp4") as reader:
        info = reader.info
        with SegmentWriter(video, info.width, info.height, info.fps, info.colour) as writer:
            for picture in reader.read_range(0, PICTURES):
                writer.write(picture)
    return audio, video


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    (folder / BUILTIN_FOLDER).symlink_to(WEIGHTS / BUILTIN_FOLDER)
    return folder


@pytest.fixture
def spool(tmp_path: Path, weights: Path) -> Iterator[Path]:
    """The spool of a daemon that runs as long as the test."""
    (tmp_path / "inbox").mkdir()
    put_checkpoint(weights, seed=1)
    settings = {"SPOOL": tmp_path, "CHECKPOINTS": weights, "ENGINE": "wav2lip", "DEVICE": "cpu"}
    environment = {f"HEYGEM_{name}": str(value) for name, value in settings.items()}
    daemon = subprocess.Popen(
        [str(Path(sys.executable).with_name("heygem-daemon")), "run"],
        env=os.environ | environment | {"HEYGEM_SETTLE_SECONDS": "0.5"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield tmp_path
        assert daemon.poll() is None, "the daemon must not have ended"
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(PATIENCE_SECONDS)


def put_checkpoint(weights: Path, seed: int) -> None:
    """Put random weights of the published shape under the same name, with one rename."""
    table = {name: value.half() for name, value in random_generator(seed=seed).state_dict().items()}
    torch.save({"state_dict": table}, weights / "mine.part")
    (weights / "mine.part").rename(weights / "mine.pth")


def publish(spool: Path, pair: tuple[Path, Path], name: str) -> dict[str, Any]:
    """Drop a pair under ``name``, wait for its result, and return its report."""
    for path in pair:
        shutil.copyfile(path, spool / "inbox" / f"{name}{path.suffix}")
    report = spool / "outbox" / f"{name}.json"
    until = time.monotonic() + PATIENCE_SECONDS
    while not report.exists():
        assert time.monotonic() < until, (spool / "logs" / "heygem-daemon.log").read_text()
        time.sleep(0.1)
    content: dict[str, Any] = json.loads(report.read_text())
    return content


def test_a_changed_checkpoint_is_used_for_the_next_job_without_a_restart(
    spool: Path, weights: Path, pair: tuple[Path, Path]
) -> None:
    videos = []
    for seed in (1, 2):
        put_checkpoint(weights, seed)
        engine = publish(spool, pair, f"seed-{seed}")["engine"]
        assert engine["name"] == "wav2lip"
        assert engine["weights_sha256"] == checkpoint_sha256(weights / "mine.pth")
        videos.append((spool / "outbox" / f"seed-{seed}.mp4").read_bytes())
    assert videos[0] != videos[1]
