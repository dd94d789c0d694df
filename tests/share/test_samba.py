"""A real network share: Samba with the shipped configuration, and smbclient as the user."""

import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.samba import Client, missing, shared
from heygem_daemon.spool.spool import Spool

LACK = missing()
pytestmark = [
    pytest.mark.share,
    pytest.mark.skipif(LACK is not None, reason=str(LACK)),
]

PROGRAM = Path(__file__).parent.parent / "cli" / "program.py"
SETTLE_SECONDS = 0.5
VIDEO_BYTES = 100_000
BYTES_A_SECOND = 40_000
"""Speed of the uploads, at which the video takes five times the quiet period."""


@dataclass(frozen=True)
class Share:
    """A spool with a running daemon, and a client that accesses it only over the network."""

    spool: Path
    client: Client
    local: Path

    def video(self) -> Path:
        """Return a file to upload. The fake worker publishes it unchanged."""
        path = self.local / "video.mp4"
        path.write_bytes(random.Random(5).randbytes(VIDEO_BYTES))
        return path

    def sound(self) -> Path:
        path = self.local / "sound.wav"
        path.write_text("render")
        return path

    def wait_for(self, name: str) -> None:
        deadline = time.monotonic() + 60
        while f" {name} " not in self.client.run("ls outbox/*"):
            assert time.monotonic() < deadline, self.client.run("ls; ls inbox/*")
            time.sleep(0.1)


@pytest.fixture(params=[False, True], ids=["as shipped", "with the lines for Macs"])
def share(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Share]:
    local, samba, spool = tmp_path / "local", tmp_path / "samba", Spool(tmp_path / "spool")
    local.mkdir()
    samba.mkdir()
    spool.prepare()
    quick = {"HEYGEM_SETTLE_SECONDS": str(SETTLE_SECONDS), "HEYGEM_SCAN_SECONDS": "0.1"}
    with shared(spool.root, samba, with_options=request.param) as client:
        daemon = subprocess.Popen(
            [sys.executable, str(PROGRAM), "run"],
            env=os.environ | quick | {"HEYGEM_SPOOL": str(spool.root)},
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Share(spool.root, client, local)
        finally:
            daemon.terminate()
            daemon.wait()


def test_a_slow_upload_is_claimed_when_it_is_complete(share: Share) -> None:
    video = share.video()
    share.client.upload(share.sound(), "inbox/Grüße an alle.wav", BYTES_A_SECOND)
    share.client.upload(video, "inbox/Grüße an alle.mp4", BYTES_A_SECOND)
    assert list((share.spool / "outbox").iterdir()) == [], "taken before it was complete"
    share.wait_for("Grüße an alle.mp4")
    share.client.download("outbox/Grüße an alle.mp4", share.local / "result.mp4")
    result = (share.local / "result.mp4").read_bytes()
    assert hashlib.sha256(result).digest() == hashlib.sha256(video.read_bytes()).digest()
    assert list((share.spool / "failed").iterdir()) == []


def test_users_see_only_their_folders(share: Share) -> None:
    listing = share.client.run("ls")
    assert all(f" {name} " in listing for name in ("inbox", "outbox", "done", "failed"))
    for name in ("processing", ".state", ".cache"):
        assert f" {name} " not in listing
        with pytest.raises(subprocess.CalledProcessError):
            share.client.run(f"cd {name}")


def test_results_can_be_deleted_over_the_share(share: Share) -> None:
    share.client.upload(share.sound(), "inbox/talk.wav", 1e6)
    share.client.upload(share.video(), "inbox/talk.mp4", 1e6)
    share.wait_for("talk.mp4")
    share.client.run('del "outbox/talk.mp4"')
    assert not (share.spool / "outbox" / "talk.mp4").exists()
