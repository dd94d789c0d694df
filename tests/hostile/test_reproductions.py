"""Faults that were found from outside, on a real daemon with fake workers.

``OTHER_CHECKOUT=FOLDER`` runs the program of another checkout, in its own environment: on a commit
before the faults were mended each test fails.
"""

import json
import os
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest

CHECKOUT = Path(os.environ.get("OTHER_CHECKOUT", Path(__file__).parents[2]))
PYTHON = (
    str(CHECKOUT / ".venv" / "bin" / "python") if "OTHER_CHECKOUT" in os.environ else sys.executable
)
PATIENCE_SECONDS = 60.0
JOB_FAILED, NOBODY_WORKS = 1, 3
"""Exit statuses of ``once`` and of ``status``."""
AT_ONCE = {"HEYGEM_RETENTION_DAYS": "0.0000001"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class Daemon:
    """Runs the program on a spool."""

    spool: Path
    children: list["subprocess.Popen[str]"] = field(default_factory=list)

    def run(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            self._command(arguments),
            env=self._environment(more),
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def succeed(
        self, *arguments: str, status: int = 0, more: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """Run a command that must end with ``status`` and without a traceback. Return what it
        prints."""
        done = self.run(*arguments, **more)
        assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr[-500:]
        return done.stdout

    def start(self, **more: str) -> "subprocess.Popen[str]":
        """Start the daemon, and wait until it works."""
        child = subprocess.Popen(
            self._command(["run"]),
            env=self._environment(more),
            cwd=CHECKOUT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.children.append(child)
        self.drop("first")
        until((self.spool / "outbox" / "first.mp4").exists)
        return child

    def drop(self, name: str, sidecar: bytes | None = None) -> None:
        """Put a pair into the inbox."""
        inbox = self.spool / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        if sidecar is not None:
            (inbox / f"{name}.toml").write_bytes(sidecar)
        (inbox / f"{name}.wav").write_text("sound")
        (inbox / f"{name}.mp4").write_text("video")

    def go_on(self, writings: int) -> None:
        """Wait until the daemon has written its status ``writings`` times more. It does so once a
        second, at the end of a round."""
        status = self.spool / ".state" / "status.json"
        times: set[int] = set()

        def is_done() -> bool:
            times.add(status.stat().st_mtime_ns)
            return len(times) > writings

        until(is_done)

    def lives(self) -> bool:
        """Whether each daemon that was started still runs."""
        return all(child.poll() is None for child in self.children)

    def outbox(self) -> list[str]:
        return sorted(path.name for path in (self.spool / "outbox").iterdir())

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [PYTHON, str(CHECKOUT / "tests" / "cli" / "program.py"), *arguments]

    def _environment(self, more: dict[str, str]) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HEYGEM_")}
        settings = {"SPOOL": str(self.spool), "DEVICE": "cpu", "SETTLE_SECONDS": "0.2"}
        given = {f"HEYGEM_{key}": value for key, value in settings.items()}
        given |= {"HEYGEM_SCAN_SECONDS": "0.2", "PYTHONPATH": str(CHECKOUT)}
        return {**kept, **given, **more}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "spool")
    yield made
    for child in made.children:
        child.kill()
        child.wait()


def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.1)


SIDECARS = {
    "nesting": b"a=" + b"[" * 500,
    "digits": b"priority = 1" + b"0" * 5000,
    "hexadecimal digits": b"crf = 0x" + b"f" * 3700,
}


@pytest.mark.parametrize("text", SIDECARS.values(), ids=SIDECARS)
def test_a_sidecar_ends_no_daemon(daemon: Daemon, text: bytes) -> None:
    daemon.drop("evil", text)
    daemon.drop("honest")
    daemon.succeed("once", status=JOB_FAILED)
    assert "honest.mp4" in daemon.outbox()
    assert (daemon.spool / "failed" / "evil" / "reason.txt").exists()


@pytest.mark.parametrize("text", SIDECARS.values(), ids=SIDECARS)
def test_the_sidecar_of_a_batch_ends_no_daemon(daemon: Daemon, text: bytes) -> None:
    folder = daemon.spool / "inbox" / "evil"
    folder.mkdir(parents=True)
    (folder / "job.toml").write_bytes(text)
    for name in ("a.wav", "a.mp4"):
        (folder / name).write_text("x")
    daemon.drop("honest")
    daemon.succeed("once", status=JOB_FAILED)
    assert "honest.mp4" in daemon.outbox()


@pytest.mark.parametrize("folder", ["done", "failed"])
def test_a_forged_record_ends_no_command(daemon: Daemon, folder: str) -> None:
    daemon.succeed("once")
    place = daemon.spool / folder / "evil"
    place.mkdir()
    (place / "job.json").write_text("[" * 200_000)
    daemon.succeed("status", status=NOBODY_WORKS)
    daemon.succeed("purge")


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_a_forged_time_ends_no_command(daemon: Daemon, value: str) -> None:
    daemon.drop("talk")
    daemon.succeed("once")
    record = daemon.spool / "done" / "talk" / "job.json"
    forged = json.loads(record.read_text()) | {"completed_at": "?"}
    record.unlink()
    record.write_text(json.dumps(forged).replace('"?"', value))
    for command in (("status",), ("status", "--json")):
        assert value not in daemon.succeed(*command, status=NOBODY_WORKS)
    assert value not in daemon.succeed("purge")


@pytest.mark.parametrize("way", ["absolute", "upwards"])
def test_a_forged_batch_deletes_nothing_elsewhere(daemon: Daemon, way: str, tmp_path: Path) -> None:
    foreign = tmp_path / "private" / "thesis.txt"
    foreign.parent.mkdir()
    foreign.write_text("years of work")
    daemon.succeed("once")
    name = str(foreign.parent) if way == "absolute" else "../../private"
    forged = {
        "id": "1",
        "name": name,
        "folder_name": "x",
        "claimed_at": 1.0,
        "completed_at": 1.0,
        "outcome": "finished",
        "done_name": "x",
        "published": [{"name": foreign.name, "size": foreign.stat().st_size}],
    }
    place = daemon.spool / "done" / "x"
    place.mkdir()
    (place / "batch.json").write_text(json.dumps(forged))
    daemon.succeed("purge", more=AT_ONCE)
    assert foreign.exists()


def test_people_keep_their_empty_folders_and_their_files(daemon: Daemon) -> None:
    daemon.drop("talk")
    daemon.succeed("once")
    own = daemon.spool / "done" / "for next week"
    own.mkdir()
    result = daemon.spool / "outbox" / "talk.mp4"
    result.unlink()
    result.write_text("mine.")  # of the same size
    daemon.succeed("purge", more=AT_ONCE)
    assert own.exists()
    assert result.exists()


def test_an_exchanged_outbox_is_not_followed(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    outbox = daemon.spool / "outbox"
    outbox.rename(tmp_path / "away")
    outbox.symlink_to(elsewhere)
    daemon.drop("talk")
    daemon.go_on(5)
    assert not list(elsewhere.iterdir())
    assert daemon.lives()


def test_a_pipe_in_the_place_of_the_log_hangs_nothing(daemon: Daemon) -> None:
    daemon.succeed("once")
    log = daemon.spool / "logs" / "heygem-daemon.log"
    log.unlink()
    os.mkfifo(log)
    daemon.drop("talk")
    daemon.succeed("once")
    assert "talk.mp4" in daemon.outbox()


def test_spellings_of_one_name_flood_neither_log_nor_status(daemon: Daemon) -> None:
    daemon.start()
    letters = "äöüéàñçåøš"
    for number in range(600):
        forms = [
            unicodedata.normalize("NFD" if number >> bit & 1 else "NFC", letter)
            for bit, letter in enumerate(letters)
        ]
        (daemon.spool / "inbox" / f"{''.join(forms)}.wav").write_text("x")
    daemon.go_on(5)
    assert daemon.lives()
    sizes = {
        path.name: path.stat().st_size
        for path in (
            daemon.spool / "logs" / "heygem-daemon.log",
            daemon.spool / ".state" / "status.json",
        )
    }
    assert max(sizes.values()) < 1_000_000, sizes


def test_a_clock_that_is_a_month_ahead_deletes_nothing(daemon: Daemon, tmp_path: Path) -> None:
    daemon.drop("talk")
    daemon.succeed("once")
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nnow = time.time\ntime.time = lambda: now() + 30 * 86400\n"
    )
    path = f"{tmp_path}:{CHECKOUT}"
    daemon.start(PYTHONPATH=path, TEST_CLOCK_SYNCHRONIZED="no")
    daemon.go_on(5)
    assert "talk.mp4" in daemon.outbox()
    assert (daemon.spool / "done" / "talk").exists()
    assert daemon.lives()


def test_sighup_does_not_end_the_daemon(daemon: Daemon) -> None:
    child = daemon.start()
    child.send_signal(signal.SIGHUP)
    daemon.go_on(1)
    assert daemon.lives()
    daemon.drop("talk")
    until(lambda: "talk.mp4" in daemon.outbox())
    assert daemon.lives()
