"""The harness sees what it is there to see: each fault planted here is reported."""

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.ledger import Ledger
from tests.crash.witness import notes_of, watching
from tests.crash.worker import is_whole, result_of, sealed

STEP_BY_STEP = """
import os, sys
from pathlib import Path
from heygem_daemon.spool.files import Files
from tests.crash.steps import KillSwitch

root = Path(sys.argv[1])
known = set()
while True:
    told, tell = os.pipe()
    if os.fork() == 0:
        KillSwitch(root, known, tell).arm()
        Files().write(root / "a", b"whole")
        Files().move(root / "a", root / "b")
        os._exit(0)
    os.close(tell)
    os.wait()
    step = os.read(told, 1000).decode()
    if not step:
        break
    known.add(step)
    print(step.partition(" in ")[0], sorted(path.name for path in root.iterdir()))
"""


def test_a_process_is_killed_once_at_every_step(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STEP_BY_STEP, str(tmp_path)]
    lines = subprocess.check_output(command, text=True).splitlines()
    assert lines == [
        "open .a.part []",
        "torn open .a.part ['.a.part']",
        "rename a ['.a.part']",
        "rename b ['a']",
    ]


def test_a_part_of_a_sealed_file_is_told_from_the_whole() -> None:
    whole = sealed(b"content" * 100)
    assert is_whole(whole)
    assert not any(is_whole(whole[:length]) for length in range(len(whole)))


def test_the_witness_sees_a_file_that_is_written_in_place(tmp_path: Path) -> None:
    outbox, whole = tmp_path / "outbox", sealed(b"content" * 100)
    outbox.mkdir()
    with watching(outbox, tmp_path / "notes"):
        (outbox / "good.json").write_text("{}")
        (outbox / ".good.mp4.part").write_bytes(whole)
        (outbox / ".good.mp4.part").rename(outbox / "good.mp4")
        with (outbox / "bad.png").open("wb", buffering=0) as file:
            file.write(whole[:100])
            time.sleep(0.5)
            file.write(whole[100:])
    assert "bad.png was seen unfinished" in notes_of(tmp_path / "notes").wrong
    assert not any("good" in wrong for wrong in notes_of(tmp_path / "notes").wrong)


@pytest.fixture
def books(tmp_path: Path) -> Ledger:
    """A spool with one published and one failed job, both in order."""
    ledger = Ledger(tmp_path, random.Random(1), ("render",))
    for part in ("inbox", "processing", "outbox", "done", "failed", ".state", ".cache"):
        (tmp_path / part).mkdir()
    for folder in ("done", "failed"):
        ledger.drop()
        name = ledger.drops[-1].name
        (tmp_path / folder / name).mkdir()
        for suffix in (".wav", ".mp4"):
            dropped = tmp_path / "inbox" / (name + suffix)
            dropped.rename(tmp_path / folder / name / dropped.name)
    good, bad = ledger.drops
    (tmp_path / "failed" / bad.name / "reason.txt").write_text("No face.")
    outputs = {".json": b"{}", ".mp4": result_of(good.audio, good.video)}
    for suffix, data in outputs.items():
        (tmp_path / "outbox" / (good.name + suffix)).write_bytes(data)
    published = [{"name": good.name + suffix} for suffix in outputs]
    journal = json.dumps({"published": published})
    (tmp_path / "done" / good.name / "job.json").write_text(journal)
    return ledger


def test_books_in_order_balance(books: Ledger) -> None:
    assert books.audit() == []


FAULTS: dict[str, Callable[[Path], object]] = {
    "a lost job": lambda root: shutil.rmtree(root / "failed" / "take-1"),
    "a lost result": lambda root: (root / "outbox" / "take-0.mp4").unlink(),
    "a doubled job": lambda root: shutil.copytree(root / "done/take-0", root / "failed/take-0"),
    "a doubled result": lambda root: shutil.copy(
        root / "outbox/take-0.mp4", root / "outbox/take-0 (2).mp4"
    ),
    "a changed byte": lambda root: (root / "failed" / "take-1" / "take-1.wav").write_bytes(b"x"),
    "a lost input": lambda root: (root / "done" / "take-0" / "take-0.wav").unlink(),
    "half a result": lambda root: (root / "outbox" / "take-0.mp4").write_bytes(b"sealed"),
    "no reason": lambda root: (root / "failed" / "take-1" / "reason.txt").unlink(),
    "a claimed job": lambda root: (root / "processing" / "x").mkdir(),
    "a file in the inbox": lambda root: (root / "inbox" / "x.wav").touch(),
    "a draft": lambda root: (root / "outbox" / ".take-0.mp4.part").touch(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_audit_finds(books: Ledger, fault: str) -> None:
    FAULTS[fault](books.root)
    assert books.audit() != []
