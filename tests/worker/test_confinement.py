"""The real worker process, taken over by a hostile file: what it reaches, tried from inside."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from heygem_daemon.protocol import (
    FROM_WORKER,
    Halt,
    Halted,
    Load,
    LogMessage,
    MemoryUsage,
    Message,
    Ready,
    Refused,
    Render,
    encode_message,
)
from heygem_daemon.worker.confinement import OFF, ON_GPU, OUTDATED, weights_files
from tests.system.confined import needs_landlock_3

pytestmark = pytest.mark.slow

HOSTILE = Path(__file__).with_name("hostile_worker.py")
FOLDERS = ("inbox", "outbox", "processing", ".state", ".cache")

Outcomes = dict[str, dict[str, dict[str, str]]]


@dataclass
class Machine:
    """A spool with two claimed jobs and a result, a weights folder, and a worker to talk to."""

    root: Path
    child: "subprocess.Popen[bytes] | None" = None

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    def prepare(self) -> None:
        for folder in FOLDERS:
            (self.spool / folder).mkdir(parents=True)
        (self.spool / "inbox" / "new.wav").write_text("sound")
        (self.spool / "outbox" / "other.mp4").write_text("result")
        for job in ("one", "two"):
            (self.spool / "processing" / job / "work").mkdir(parents=True)
            for name in ("audio.wav", "video.mp4", "job.json"):
                (self.spool / "processing" / job / name).write_text(job)
        disk = self.root / "disk"
        disk.mkdir()
        (disk / "large.pth").write_text("weights")
        (self.root / "weights").mkdir()
        (self.root / "weights" / "mine.pth").symlink_to(disk / "large.pth")

    def start(self, *, confine: bool = True, device: str = "cpu") -> None:
        self.child = subprocess.Popen(
            [sys.executable, str(HOSTILE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        load = Load(
            engine="fake",
            device=device,
            weights=str(self.root / "weights"),
            cache=str(self.spool / ".cache"),
            confine_to=str(self.spool / "processing") if confine else None,
        )
        self.send(load)

    def send(self, message: Message) -> None:
        assert self.child is not None
        assert self.child.stdin is not None
        self.child.stdin.write(encode_message(message))
        self.child.stdin.flush()

    def answer(self) -> Message:
        """The next message that is no memory reading."""
        assert self.child is not None
        assert self.child.stdout is not None
        while isinstance(
            message := FROM_WORKER.validate_json(self.child.stdout.readline()), MemoryUsage
        ):
            pass
        return message

    def note(self) -> str:
        note = self.answer()
        assert isinstance(note, LogMessage)
        return note.text

    def begin(self) -> dict[str, str]:
        """Wait for the engine; what its loading could reach."""
        assert isinstance(self.answer(), Ready)
        outcomes: dict[str, str] = json.loads(self.note())
        return outcomes

    def render(self, job: str, assistant: str = "") -> Outcomes:
        """What a job's renderer could do, in its thread and in one that this started."""
        folder = self.spool / "processing" / job
        self.send(
            Render(
                job_id=job,
                audio=str(folder / "audio.wav"),
                video=str(folder / "video.mp4"),
                workspace=str(folder / "work"),
                assistant=assistant,
            )
        )
        refused = self.answer()
        assert isinstance(refused, Refused), refused
        outcomes: Outcomes = json.loads(refused.reason)
        return outcomes

    def contents(self) -> dict[str, str]:
        """Every file of the spool and its content, workspaces and cache left out."""
        files = (path for path in self.spool.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.spool)): path.read_text()
            for path in files
            if not {"work", ".cache"} & set(path.parts)
        }


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    made.prepare()
    yield made
    if made.child is not None:
        assert made.child.stdin is not None
        assert made.child.stdout is not None
        made.child.kill()
        made.child.wait()
        made.child.stdin.close()
        made.child.stdout.close()


@needs_landlock_3
def test_a_hostile_job_reaches_its_own_files_and_no_others(machine: Machine) -> None:
    before = machine.contents()
    machine.start()
    assert machine.note().startswith("confined: no access to other files")
    assert "done" not in machine.begin().values()
    for job in ("one", "two"):
        for outcomes in machine.render(job).values():
            assert set(outcomes["work"].values()) == {"done"}, outcomes["work"]
            assert "done" not in outcomes["jobs"].values(), outcomes["jobs"]
            assert "done" not in outcomes["outside"].values(), outcomes["outside"]
    assert machine.contents() == before


def test_without_confinement_the_same_attempts_succeed(machine: Machine) -> None:
    """The attempts of the test above mean something only if they can succeed."""
    machine.start(confine=False)
    assert machine.note() == OFF
    machine.begin()
    outcomes = machine.render("one")["thread"]
    assert set(outcomes["jobs"].values()) == {"done"}, outcomes["jobs"]
    failed = {name for name, outcome in outcomes["outside"].items() if outcome != "done"}
    assert not failed, outcomes["outside"]


def test_a_worker_on_a_gpu_says_that_it_is_not_confined(machine: Machine) -> None:
    machine.start(device="cuda:0")
    assert machine.note() == ON_GPU


@needs_landlock_3
def test_a_job_whose_folder_was_removed_gets_no_new_one(machine: Machine) -> None:
    machine.start()
    machine.note()
    machine.begin()
    shutil.rmtree(machine.spool / "processing" / "two")
    outcomes = machine.render("two")["thread"]["work"]
    assert outcomes["read its sound"] == outcomes["write its workspace"] == "ENOENT"
    assert not (machine.spool / "processing" / "two").exists()


@needs_landlock_3
def test_an_assistant_makes_no_workspace_where_its_job_has_another_by_now(
    machine: Machine,
) -> None:
    """An order may be carried out late, on a machine that was cut off meanwhile."""
    machine.start()
    machine.note()
    machine.begin()
    workspace = machine.spool / "processing" / "two" / "work"
    workspace.rmdir()
    machine.render("two", str(workspace / "assistant-1"))
    assert not workspace.exists()


@needs_landlock_3
def test_folders_that_were_mounted_again_get_a_new_worker(machine: Machine) -> None:
    """Rules are for the folders of the start: a share that comes back is another one."""
    machine.start()
    machine.note()
    machine.begin()
    machine.render("one")
    jobs = machine.spool / "processing"
    jobs.rename(machine.spool / "lost")
    jobs.mkdir()
    machine.send(Render(job_id="two", audio="a", video="v", workspace=str(jobs / "two" / "work")))
    assert machine.note() == OUTDATED
    assert machine.answer() == Halted(job_id="two")
    assert machine.child is not None
    assert machine.child.wait(60) == 0


@needs_landlock_3
def test_a_confined_worker_halts_when_asked(machine: Machine) -> None:
    machine.start()
    machine.note()
    machine.begin()
    machine.send(Halt())
    assert machine.answer() == Halted()


def test_links_in_the_weights_folder_lead_to_what_may_be_read(tmp_path: Path) -> None:
    disk, weights = tmp_path / "disk", tmp_path / "weights"
    (weights / "builtin").mkdir(parents=True)
    (disk / "folder").mkdir(parents=True)
    (disk / "a.pth").touch()
    (disk / "b.safetensors").touch()
    (weights / "a.pth").symlink_to(disk / "a.pth")
    (weights / "builtin" / "b.safetensors").symlink_to(disk / "b.safetensors")
    (weights / "folder").symlink_to(disk / "folder")
    (weights / "gone.pth").symlink_to(disk / "gone.pth")
    found = {Path(os.path.relpath(path, tmp_path)) for path in weights_files(weights)}
    assert found == {
        Path(name)
        for name in ("weights", "disk/a.pth", "disk/b.safetensors", "disk/folder", "disk/gone.pth")
    }
    assert weights_files(tmp_path / "none") == (tmp_path / "none",)
