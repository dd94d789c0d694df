"""The real daemon is killed while the engine renders the last chunk, and is started again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from heygem_daemon.engines.builtin.engine import hash_weights
from tests.chain.conftest import DEMO, WEIGHTS, cut_sound

pytestmark = pytest.mark.slow

CHUNKS = 4
PROGRAM = str(Path(sys.executable).with_name("heygem-daemon"))
PATIENCE_SECONDS = 240


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("resumed") / "spool"
    (root / "inbox").mkdir(parents=True)
    return root


def run(spool: Path, *options: str) -> "subprocess.Popen[bytes]":
    settings = {"SPOOL": str(spool), "SETTLE_SECONDS": "0.5", "CHUNK_SECONDS": "1"}
    environment = {f"HEYGEM_{name}": value for name, value in settings.items()}
    command = [PROGRAM, "once", "--device", "cpu", *options]
    return subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL)


def drop(spool: Path, name: str) -> None:
    cut_sound(spool / "inbox" / f"{name}.wav", CHUNKS)
    shutil.copyfile(DEMO / "presenter.mp4", spool / "inbox" / f"{name}.mp4")


def kill_in_the_last_chunk(spool: Path) -> None:
    """Kill the daemon, and so its worker, when only the last chunk is missing."""
    daemon = run(spool)
    deadline = time.monotonic() + PATIENCE_SECONDS
    last_but_one = f"*/work/segment-{CHUNKS - 2:05d}.mp4"
    while not list((spool / "processing").glob(last_but_one)):
        assert daemon.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    # What tells how far the job was stays until the next start.
    left = [path.name for path in (spool / "outbox").iterdir()]
    assert all(name.endswith(".rendering.txt") for name in left)


def chunks(spool: Path, name: str) -> dict[str, int]:
    report: dict[str, Any] = json.loads((spool / "outbox" / f"{name}.json").read_text())
    found: dict[str, int] = report["chunks"]
    for path in (spool / "outbox").iterdir():
        assert not path.name.endswith(".rendering.txt")
        path.unlink()
    return found


def test_a_job_is_resumed_at_its_last_chunk(spool: Path) -> None:
    drop(spool, "same")
    kill_in_the_last_chunk(spool)
    assert run(spool).wait() == 0
    found = chunks(spool, "same")
    # If the last chunk was finished just before the kill, none is left to render.
    assert found["resumed"] >= CHUNKS - 1
    assert found["resumed"] + found["drawn"] == CHUNKS


def test_chunks_of_other_options_are_not_used(spool: Path) -> None:
    drop(spool, "other")
    kill_in_the_last_chunk(spool)
    assert run(spool, "--crf", "23").wait() == 0
    assert chunks(spool, "other") == {"drawn": CHUNKS, "resumed": 0, "retried": 0, "shared": 0}


def test_chunks_of_other_weights_are_not_used(spool: Path) -> None:
    drop(spool, "weights")
    kill_in_the_last_chunk(spool)
    (plan,) = (spool / "processing").glob("*/work/plan.json")
    recorded = json.loads(plan.read_text())
    assert recorded["weights"] == hash_weights(WEIGHTS / "builtin")
    plan.write_text(json.dumps({**recorded, "weights": "0" * len(recorded["weights"])}))
    assert run(spool).wait() == 0
    assert chunks(spool, "weights") == {"drawn": CHUNKS, "resumed": 0, "retried": 0, "shared": 0}
