"""The harness itself: it reports each fault that is planted here."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash import witness
from tests.crash.drops import Drop, Member, Users
from tests.crash.ledger import Ledger, place_of
from tests.crash.witness import find_faults, notes_of, watching
from tests.crash.worker import chunk_of, is_whole, result_of, sealed, segment_name

pytestmark = pytest.mark.crash

STEP_BY_STEP = """
import os, sys
from pathlib import Path
from heygem_daemon.spool.files import FileOperations
from tests.crash.steps import KillSwitch

root = Path(sys.argv[1])
tried_steps = set()
while True:
    reading, writing = os.pipe()
    if os.fork() == 0:
        KillSwitch(root, tried_steps, writing).arm()
        FileOperations().write(root / "a", b"whole")
        FileOperations().move(root / "a", root / "b")
        os._exit(0)
    os.close(writing)
    os.wait()
    step = os.read(reading, 1000).decode()
    if not step:
        break
    tried_steps.add(step)
    print(step.partition(" in ")[0], sorted(path.name for path in root.iterdir()))
"""


def test_a_process_is_killed_once_at_every_step(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STEP_BY_STEP, str(tmp_path)]
    lines = subprocess.check_output(command, text=True).splitlines()
    assert lines == [
        "open .a.part []",
        "torn open .a.part ['.a.part']",
        "remove .a.part ['.a.part']",  # of the run that was killed
        "rename a ['.a.part']",
        "rename b ['a']",
    ]


def test_a_part_of_a_sealed_file_is_detected() -> None:
    whole = sealed(b"content" * 100)
    assert is_whole(whole)
    assert not any(is_whole(whole[:length]) for length in range(len(whole)))


@pytest.fixture
def vanishing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An outbox with a folder that disappears whenever somebody looks into it."""
    (tmp_path / "outbox" / "batch").mkdir(parents=True)
    scandir = os.scandir

    def vanish(path: str) -> "os._ScandirIterator[str]":
        if Path(path).name == "batch":
            raise FileNotFoundError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanish)
    return tmp_path / "outbox"


def test_a_folder_that_disappears_does_not_end_the_watch(vanishing: Path, tmp_path: Path) -> None:
    assert not list(find_faults(vanishing, set()))
    with watching(vanishing, tmp_path / "notes"):
        time.sleep(0.05)
    report = notes_of(tmp_path / "notes")
    assert report.looks > 0
    assert not report.wrong


def test_a_witness_that_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(witness, "find_faults", fail)
    (tmp_path / "outbox").mkdir()
    with watching(tmp_path / "outbox", tmp_path / "notes"):
        time.sleep(0.05)
    assert "planted" in notes_of(tmp_path / "notes").wrong[0]


def test_the_witness_sees_a_file_that_is_written_in_place(tmp_path: Path) -> None:
    outbox, whole = tmp_path / "outbox", sealed(b"content" * 100)
    outbox.mkdir()
    with watching(outbox, tmp_path / "notes"):
        # A file that is created empty and written a moment later is seen unfinished, too.
        (outbox / ".good.json.part").write_text("{}")
        (outbox / ".good.json.part").rename(outbox / "good.json")
        (outbox / ".good.mp4.part").write_bytes(whole)
        (outbox / ".good.mp4.part").rename(outbox / "good.mp4")
        with (outbox / "bad.png").open("wb", buffering=0) as file:
            file.write(whole[:100])
            time.sleep(0.5)
            file.write(whole[100:])
    assert "bad.png was seen unfinished" in notes_of(tmp_path / "notes").wrong
    assert not any("good" in wrong for wrong in notes_of(tmp_path / "notes").wrong)


@pytest.fixture
def ledger_of_spool(tmp_path: Path) -> Ledger:
    """A correct spool with a published job, a failed one, and a batch."""
    ledger, users = Ledger(tmp_path), Users(random.Random(1), ("render",))
    for part in ("inbox", "processing", "outbox", "done", "failed", ".state", ".cache"):
        (tmp_path / part).mkdir()
    for make in (users.pair, users.pair, users.batch):
        ledger.drop(make)
    good, bad, batch = ledger.drops
    for drop, part in ((good, "done"), (bad, "failed")):
        move_inputs(tmp_path, drop, tmp_path / part / drop.name)
    (tmp_path / "failed" / bad.name / "reason.txt").write_text("No face.")
    (tmp_path / "failed" / bad.name / "job.json").write_text(json.dumps({"chunks": 1}))
    keep_chunks(tmp_path, tmp_path / "failed" / bad.name)
    published = write_results(tmp_path / "outbox", good.name, good.members[0])
    journal = json.dumps({"published": published})
    (tmp_path / "done" / good.name / "job.json").write_text(journal)
    close_batch(tmp_path, batch)
    write_record(tmp_path, "all")
    return ledger


def keep_chunks(root: Path, failed: Path) -> None:
    """Keep two chunks of a failed job."""
    (audio,), (video,) = failed.glob("*.wav"), failed.glob("*.mp4")
    kept = root / ".cache" / "chunks" / place_of(audio, video)
    kept.mkdir(parents=True)
    for number in range(2):
        (kept / segment_name(number)).write_bytes(chunk_of(number, audio.read_bytes()))
    (kept / "used").write_text("1000\n")


def kept_chunks(root: Path) -> list[Path]:
    """Return the files that are kept of the failed job."""
    return sorted((root / ".cache" / "chunks").glob("*/segment-*"))


def write_record(root: Path, name: str) -> None:
    """Write a record that names every file that users can reach."""
    paths = [path for part in ("outbox", "done", "failed") for path in (root / part).rglob("*")]
    files = [
        {
            "path": path.relative_to(root).parts,
            "size": path.stat().st_size,
            "inode": path.stat().st_ino,
            "mtime_ns": path.stat().st_mtime_ns,
        }
        for path in paths
        if path.is_file()
    ]
    (root / ".state" / "finished").mkdir(exist_ok=True)
    (root / ".state" / "finished" / f"{name}.json").write_text(json.dumps({"files": files}))


def move_inputs(root: Path, drop: Drop, folder: Path) -> None:
    """Move the files of a drop from the inbox to their final folder."""
    folder.mkdir(parents=True)
    for path in drop.files:
        (root / "inbox" / path).rename(folder / Path(path).name)


def write_results(folder: Path, name: str, job: Member) -> list[dict[str, str]]:
    """Write a job's results; return their entries in a journal."""
    outputs = {f"{name}.json": b"{}", f"{name}.mp4": result_of(job.audio, job.video)}
    for path, data in outputs.items():
        (folder / path).write_bytes(data)
    return [{"name": path} for path in outputs]


def close_batch(root: Path, batch: Drop) -> None:
    """Publish all members of a batch, and a ZIP of their results."""
    folder = root / "outbox" / batch.name
    folder.mkdir()
    jobs = enumerate(batch.members)
    ends = [{"published": write_results(folder, str(number), job)} for number, job in jobs]
    (folder / "batch.json").write_text("{}")
    zipped = f"{batch.name}.zip"
    with zipfile.ZipFile(folder / zipped, "w") as archive:
        for path in (path for path in folder.iterdir() if path.suffix in (".mp4", ".json")):
            if path.name != "batch.json":
                archive.write(path, f"{batch.name}/{path.name}")
    move_inputs(root, batch, root / "done" / batch.name / "inputs")
    (root / "inbox" / batch.name).rmdir()
    journal = {"name": batch.name, "ended": ends, "published": [{"name": zipped}]}
    (root / "done" / batch.name / "batch.json").write_text(json.dumps(journal))


def test_the_audit_of_a_correct_spool_finds_nothing(ledger_of_spool: Ledger) -> None:
    assert ledger_of_spool.audit() == []


def drop_from_zip(root: Path) -> None:
    """Take one file out of the ZIP."""
    file = root / "outbox" / "take-3" / "take-3.zip"
    with zipfile.ZipFile(file) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()[1:]}
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in kept.items():
            archive.writestr(name, data)


FAULTS: dict[str, Callable[[Path], object]] = {
    "a lost job": lambda root: shutil.rmtree(root / "failed" / "take-2"),
    "a lost result": lambda root: (root / "outbox" / "take-1.mp4").unlink(),
    "a lost member": lambda root: (root / "outbox" / "take-3" / "0.mp4").unlink(),
    "a lost ZIP": lambda root: (root / "outbox" / "take-3" / "take-3.zip").unlink(),
    "half a ZIP": drop_from_zip,
    "a doubled job": lambda root: shutil.copytree(root / "done/take-1", root / "failed/take-1"),
    "a doubled result": lambda root: shutil.copy(
        root / "outbox/take-1.mp4", root / "outbox/take-1 (2).mp4"
    ),
    "a changed byte": lambda root: (root / "failed" / "take-2" / "take-2.wav").write_bytes(b"x"),
    "a lost input": lambda root: (root / "done" / "take-1" / "take-1.wav").unlink(),
    "a lost sidecar": lambda root: (root / "done" / "take-3" / "inputs" / "job.toml").unlink(),
    "half a result": lambda root: (root / "outbox" / "take-1.mp4").write_bytes(b"sealed"),
    "no reason": lambda root: (root / "failed" / "take-2" / "reason.txt").unlink(),
    "a claimed job": lambda root: (root / "processing" / "x").mkdir(),
    "a file in the inbox": lambda root: (root / "inbox" / "x.wav").touch(),
    "a file that no record names": lambda root: (root / "done" / "take-1" / "x.txt").touch(),
    "a record of another file": lambda root: os.utime(root / "done/take-1/take-1.wav", (0, 0)),
    "no record": lambda root: (root / ".state" / "finished" / "all.json").unlink(),
    "chunks of no job": lambda root: (root / ".cache" / "chunks" / "x").mkdir(),
    "chunks of a published job": lambda root: keep_chunks(root, root / "done" / "take-1"),
    "lost chunks": lambda root: shutil.rmtree(root / ".cache" / "chunks"),
    "a lost chunk": lambda root: kept_chunks(root)[0].unlink(),
    "half a chunk": lambda root: kept_chunks(root)[0].write_bytes(b"sealed"),
    "a changed chunk": lambda root: shutil.copyfile(*kept_chunks(root)),
    "a file among chunks": lambda root: kept_chunks(root)[0].with_name("x").touch(),
    "a file beside chunks": lambda root: (root / ".cache" / "x").touch(),
    "a draft": lambda root: (root / "outbox" / ".take-1.mp4.part").touch(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_audit_finds(ledger_of_spool: Ledger, fault: str) -> None:
    FAULTS[fault](ledger_of_spool.root)
    assert ledger_of_spool.audit() != []
