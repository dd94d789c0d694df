"""The command after a published job: real processes."""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from heygem_daemon.config.command import fill_in
from heygem_daemon.config.settings import Settings
from heygem_daemon.notify import command as command_module
from heygem_daemon.notify.command import CommandLimits, CommandRunner
from heygem_daemon.notify.kept_commands import FILE, KeptCommand, KeptCommands
from heygem_daemon.system import landlock
from tests.notify.conftest import wait_until

needs_landlock = pytest.mark.skipif(
    not landlock.abi_version(), reason="this kernel has no Landlock"
)
STRANGE = "a b;$(touch x)'\"`—视频\n.mp4"


@pytest.fixture
def runner() -> Iterator[CommandRunner]:
    made = CommandRunner()
    yield made
    made.close()


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A result in an outbox, beside other folders of the spool."""
    for name in ("outbox", "processing", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "processing" / "secret").write_text("secret")
    video = tmp_path / "outbox" / "talk.mp4"
    video.write_text("video")
    return video


def limits(result: Path, *folders: str, seconds: float = 30, confine: bool = True) -> CommandLimits:
    return CommandLimits(seconds, tuple(result.parents[1] / each for each in folders), confine)


def ended(log: list[str], text: str) -> list[str]:
    return [line for line in log if text in line]


def test_paths_are_filled_in_as_they_are_and_no_shell_reads_them(
    runner: CommandRunner, result: Path, log: list[str]
) -> None:
    strange = result.rename(result.with_name(STRANGE))
    command = ("cp", "{result}", "{folder}/../elsewhere/{id}.mp4")
    runner.add(command, KeptCommand.of(strange, "j1"), limits(strange, "elsewhere"))
    wait_until(lambda: ended(log, "the command for"))
    assert (result.parents[1] / "elsewhere" / "j1.mp4").read_text() == "video"
    assert not (result.parents[1] / "elsewhere" / "x").exists()
    assert fill_in(("{report}", "x{id}y{id}", "$HOME"), Path("/o/a.b.mov"), "{result}") == [
        "/o/a.b.json",
        "x{result}y{result}",
        "$HOME",
    ]


def test_nothing_is_filled_in_for_an_unknown_placeholder() -> None:
    for wrong in ("{name}", "{}", "{Result}"):
        with pytest.raises(ValidationError, match="nothing is filled in for"):
            Settings.model_validate({"on_published": ("cp", wrong)})
    other = ("awk", "{result.parent}")
    assert fill_in(other, Path("/o/a.mp4"), "1") == list(other), "no placeholder of ours"


def test_a_command_of_a_variable_is_split_as_a_shell_does() -> None:
    settings = Settings.model_validate({"on_published": "cp '{result}' \"/a b\""})
    assert settings.on_published == ("cp", "{result}", "/a b")
    with pytest.raises(ValidationError, match="absolute"):
        Settings.model_validate({"on_published_folders": ["relative"]})


@needs_landlock
@pytest.mark.parametrize(
    "command",
    [
        ("cp", "{result}", "{folder}/copy.mp4"),
        ("rm", "{result}"),
        ("cat", "{folder}/../processing/secret"),
        ("touch", "{folder}/../elsewhere/x"),
        ("cat", "/etc/shadow"),
        ("sh", "-c", "cat {folder}/../processing/*"),
    ],
)
def test_a_command_reaches_nothing_but_the_result_and_its_folders(
    runner: CommandRunner, result: Path, log: list[str], command: tuple[str, ...]
) -> None:
    runner.add(command, KeptCommand.of(result, "j1"), limits(result))
    wait_until(lambda: ended(log, "the command for talk.mp4 failed: it ended with status 1"))
    assert result.read_text() == "video"
    assert not list((result.parents[1] / "elsewhere").iterdir())
    runner.add(("cat", "{result}"), KeptCommand.of(result, "j1"), limits(result))
    wait_until(lambda: ended(log, "the command for talk.mp4 ended"))


def test_without_confinement_it_reaches_all_that_the_daemon_does(
    runner: CommandRunner, result: Path, log: list[str]
) -> None:
    command = ("cp", "{result}", "{folder}/../elsewhere/x")
    runner.add(command, KeptCommand.of(result, "j1"), limits(result, confine=False))
    wait_until(lambda: ended(log, "ended after"))
    assert (result.parents[1] / "elsewhere" / "x").exists()


def test_it_gets_no_secret_of_the_daemons_environment_and_a_scratch_folder(
    runner: CommandRunner, result: Path, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEYGEM_SECRET", "secret")
    program = (
        "import json, os, pathlib, tempfile;"
        "open(tempfile.gettempdir() + '/scratch', 'w').close();"
        "pathlib.Path('{folder}/../elsewhere/told').write_text("
        "json.dumps([dict(os.environ), os.getcwd(), os.read(0, 9).decode()]))"
    )
    python = Path(sys.executable).resolve()
    command = (str(python), "-I", "-c", program)
    runner.add(command, KeptCommand.of(result, "j1"), limits(result, "elsewhere", confine=False))
    wait_until(lambda: ended(log, "the command for"))
    assert ended(log, "ended after"), log
    told = (result.parents[1] / "elsewhere" / "told").read_text()
    environment, folder, stdin = json.loads(told)
    assert "HEYGEM_SECRET" not in environment
    assert environment["HOME"] == environment["TMPDIR"] == folder
    assert stdin == ""
    assert not Path(folder).exists(), "its scratch folder is removed"


def test_a_command_that_takes_too_long_is_killed_with_its_children(
    runner: CommandRunner, result: Path, log: list[str]
) -> None:
    marker = f"{3600 + os.getpid() % 1000}.5"
    command = ("sh", "-c", f"sleep {marker} & sleep {marker}")
    runner.add(command, KeptCommand.of(result, "j1"), limits(result, seconds=0.8))
    runner.add(("true",), KeptCommand.of(result, "j2"), limits(result))
    wait_until(lambda: ended(log, "ended after"))
    assert ended(log, "it took more than 0.8 s and was killed")
    assert not any(marker in _command_line(each) for each in Path("/proc").glob("[0-9]*"))


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text(errors="replace")
    except OSError:
        return ""


def test_what_a_command_says_is_logged_in_one_short_line(
    runner: CommandRunner, result: Path, log: list[str]
) -> None:
    program = "head -c 3000000 /dev/zero >&2; printf 'first\\nlast \\033[31mred' >&2; exit 3"
    runner.add(("sh", "-c", program), KeptCommand.of(result, "j1"), limits(result))
    runner.add(("no-such-program", "{result}"), KeptCommand.of(result, "j2"), limits(result))
    wait_until(lambda: ended(log, "status 127"))
    assert ended(log, "it ended with status 3: last ?[31mred")
    assert ended(log, "no-such-program: No such file")


def test_each_command_is_counted_once(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []
    runner = CommandRunner(on_end=ends.append)
    for program in ("true", "false", "no-such-program"):
        runner.add((program,), KeptCommand.of(result, "j1"), limits(result))
    wait_until(lambda: len(ends) == 3)
    assert ends == ["succeeded", "failed", "failed"]
    monkeypatch.setattr(command_module, "MAX_WAITING", -1)
    runner.add(("true",), KeptCommand.of(result, "j1"), limits(result))
    monkeypatch.undo()
    runner.add(("sleep", "3600"), KeptCommand.of(result, "j1"), limits(result))
    wait_until(lambda: runner._process)
    runner.close(0.1)
    assert ends[3:] == ["dropped", "failed"]


def test_a_slow_command_delays_neither_the_daemon_nor_its_end(result: Path, log: list[str]) -> None:
    runner = CommandRunner()
    began = time.monotonic()
    for number in range(20):
        runner.add(
            ("sleep", "3600"), KeptCommand.of(result, f"j{number}"), limits(result, seconds=4000)
        )
    assert time.monotonic() - began < 0.5
    wait_until(lambda: runner._process)
    runner.close(0.2)
    assert time.monotonic() - began < 20
    wait_until(lambda: len(ended(log, "the daemon stopped before it had ended")) == 20)


def test_what_did_not_end_runs_after_the_next_start(
    result: Path, log: list[str], tmp_path: Path
) -> None:
    keep = KeptCommands(tmp_path)
    first = CommandRunner(keep)
    first.add(("sleep", "3600"), KeptCommand.of(result, "j1"), limits(result, seconds=4000))
    first.add(("true",), KeptCommand.of(result, "j2"), limits(result))
    wait_until(lambda: first._process)
    first.close(0.1)
    assert ended(
        log, "commands of on_published that have not ended: 2; they run after the next start"
    )
    assert not ended(log, "failed")
    command = ("cp", "{result}", "{folder}/../elsewhere/{id}")
    second = CommandRunner(KeptCommands(tmp_path), (command, limits(result, "elsewhere")))
    wait_until(lambda: len(ended(log, "ended after")) == 2)
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == ["j1", "j2"]
    wait_until(lambda: not (tmp_path / FILE).exists())
    second.close()


@pytest.mark.parametrize(
    ("script", "seconds", "reason"),
    [
        ("sleep 1; exit 3", 30.0, "it ended with status 3"),
        ("sleep 3600", 1.0, "it took more than 1 s and was killed"),
        ("sleep 1; kill -9 $$", 30.0, "it ended with signal 9"),
    ],
)
def test_what_fails_by_itself_during_a_stop_is_logged_and_not_run_again(
    result: Path, log: list[str], tmp_path: Path, script: str, seconds: float, reason: str
) -> None:
    keep = KeptCommands(tmp_path)
    runner = CommandRunner(keep)
    runner.add(("sh", "-c", script), KeptCommand.of(result, "j1"), limits(result, seconds=seconds))
    wait_until(lambda: runner._process)
    runner.close(20)
    assert not runner._thread.is_alive(), "the stop waited for nothing"
    assert ended(log, f"the command for talk.mp4 failed: {reason}")
    assert keep.load() == ()


def test_a_daemon_that_is_killed_loses_no_command(
    result: Path, log: list[str], tmp_path: Path
) -> None:
    killed = CommandRunner(KeptCommands(tmp_path))
    for name in ("j1", "j2", "j3"):
        killed.add(("sleep", "3600"), KeptCommand.of(result, name), limits(result, seconds=4000))
        wait_until(lambda: killed._process)
    file = tmp_path / FILE
    wait_until(lambda: file.exists() and all(each in file.read_text() for each in ("j2", "j3")))
    found = KeptCommands(tmp_path).load()
    assert [(each.path, each.job_id) for each in found] == [
        (result, "j1"),
        (result, "j2"),
        (result, "j3"),
    ]
    killed.close(0)


def test_the_command_of_a_result_that_is_gone_is_not_run(
    result: Path, log: list[str], tmp_path: Path
) -> None:
    keep = KeptCommands(tmp_path)
    keep.save([KeptCommand.of(result.with_name("gone.mp4"), "j1")])
    runner = CommandRunner(keep, (("true",), limits(result)))
    wait_until(lambda: ended(log, "the command for gone.mp4 failed: its result is gone"))
    runner.close()
    assert keep.load() == ()


def test_what_somebody_put_in_the_place_of_a_result_gets_no_command(
    runner: CommandRunner, result: Path, log: list[str]
) -> None:
    """Whoever may collect results could have another file taken for one, or one that the daemon
    alone can read: by a link, also in the place of a batch's folder."""
    secret = result.parents[1] / "processing" / "talk.mp4"
    secret.write_text("secret")
    status = result.stat()
    kept = KeptCommand.of(result, "j1", (status.st_size, status.st_ino, status.st_mtime_ns))
    batch = result.parent / "batch"
    batch.symlink_to(secret.parent)
    result.rename(result.with_name("taken.mp4"))
    result.write_text("other")
    os.utime(result, ns=(status.st_atime_ns, status.st_mtime_ns))
    copy = ("cp", "{result}", "{folder}/../elsewhere/{id}")
    runner.add(copy, kept, limits(result, "elsewhere", confine=False))
    wait_until(lambda: ended(log, "somebody has changed or replaced its result"))
    result.unlink()
    result.symlink_to(secret)
    runner.add(copy, KeptCommand.of(result, "j2"), limits(result, "elsewhere", confine=False))
    wait_until(lambda: len(ended(log, "somebody has changed or replaced its result")) == 2)
    inner = KeptCommand.of(batch / "talk.mp4", "j3")
    runner.add(copy, inner, limits(result, "elsewhere", confine=False))
    wait_until(lambda: ended(log, "its result is gone"))
    result.unlink()
    result.write_text("video")
    result.with_suffix(".json").symlink_to(secret)
    report = ("cp", "{report}", "{folder}/../elsewhere/{id}")
    runner.add(report, KeptCommand.of(result, "j4"), limits(result, "elsewhere", confine=False))
    wait_until(lambda: ended(log, "somebody has replaced its report"))
    assert not list((result.parents[1] / "elsewhere").iterdir())


@needs_landlock
def test_a_link_that_comes_after_the_check_leads_the_command_nowhere(
    runner: CommandRunner, result: Path, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check of the result and its use are two moments."""
    batch = result.parent / "batch"
    batch.symlink_to(result.parents[1] / "processing")
    monkeypatch.setattr(KeptCommand, "problem", lambda _kept: "")
    secret = KeptCommand.of(batch / "secret", "j1")
    runner.add(("cp", "{result}", "{folder}/x"), secret, limits(result))
    wait_until(lambda: ended(log, "failed: it ended with status 127: not confined"))
    batch.unlink()
    batch.mkdir()
    there = result.parents[1] / "elsewhere"
    script = 'touch "$0/ready"; until [ -e "$0/go" ]; do sleep 0.1; done; cat "$1" >&2; exit 3'
    held = ("sh", "-c", script, str(there), "{result}")
    runner.add(held, secret, limits(result, "elsewhere"))
    wait_until((there / "ready").exists)
    batch.rmdir()
    batch.symlink_to(result.parents[1] / "processing")
    (there / "go").touch()
    wait_until(lambda: ended(log, "failed: it ended with status 3"))
    assert ended(log, "Permission denied")
