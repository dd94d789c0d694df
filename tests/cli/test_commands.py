"""The commands other than ``run`` and ``once``."""

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.cli import jobs
from heygem_daemon.cli.jobs import describe_absence, purge
from heygem_daemon.cli.status import status
from heygem_daemon.cli.version import version_line
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import EnvironmentFault
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.unit import Unit

if TYPE_CHECKING:
    from tests.cli.conftest import Program

Until = Callable[[Callable[[], object]], None]


DEMO = Path(__file__).resolve().parents[2] / "demo"


def test_the_version_is_printed(program: "Program") -> None:
    assert program("version").stdout == program("--version").stdout == f"{version_line()}\n"


def test_every_setting_is_an_option(program: "Program", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # rich has looked up the environment long ago
    text = program("once", "--help").stdout
    for key in Settings.model_fields:
        assert "--" + key.replace("_", "-") in text


def test_status_without_a_daemon_still_lists_the_ended_jobs(program: "Program") -> None:
    program.drop("good")
    program.drop("bad", "refuse")
    program("once")
    text = program("status").stdout
    assert text.startswith("No daemon is running on ")
    assert "good" in text
    assert "There is no face." in text
    state = json.loads(program("status", "--json").stdout)
    assert not state["running"]
    assert [job["name"] for job in state["results"]] == ["good"]
    assert [job["reason"] for job in state["failures"]] == ["There is no face."]


@pytest.mark.slow
def test_status_shows_the_running_job(program: "Program", until: Until) -> None:
    program.drop("talk", "linger")
    program.drop("next")
    (program.spool / "inbox" / "lone.wav").write_text("x")
    program.start("run")
    file = program.spool / ".state" / "status.json"
    until(lambda: file.exists() and '"render"' in file.read_text() and "lone" in file.read_text())
    done = program("status")
    assert done.returncode == 0
    text = done.stdout
    assert "working" in text
    assert "1 job runs" in text
    assert "drawing the mouth, chunk 1/2, 67 %" in text  # of the whole job
    assert "runs on CPU" in text
    assert "has no video of the same name" in text
    assert json.loads(program("status", "--json").stdout)["running"]


def test_a_failed_job_can_be_retried_by_its_name(program: "Program") -> None:
    program.drop("bad", "refuse")
    program("once")
    done = program("retry", "bad")
    assert done.returncode == 0
    assert done.stdout == "bad is back in the inbox as bad.\n"
    assert (program.spool / "inbox" / "bad.wav").exists()
    assert not (program.spool / "failed" / "bad").exists()


def test_an_unknown_name_gets_the_nearest_one(program: "Program") -> None:
    program.drop("interview", "refuse")
    program("once")
    done = program("retry", "intervew")
    assert done.returncode == 1
    assert done.stderr == (
        "heygem-daemon: There is no failed or published job of the name intervew."
        ' Did you mean "interview"?\n'
    )
    assert program("remove", "nothing").returncode == 1


def test_remove_deletes_one_job_and_says_what(program: "Program") -> None:
    program.drop("a")
    program.drop("b")
    program("once")
    done = program("remove", "a")
    assert done.returncode == 0
    assert f"deleted {program.spool}/outbox/a.mp4" in done.stdout
    left = sorted(path.name for path in (program.spool / "outbox").iterdir())
    assert left == ["b.json", "b.mp4"]
    kept = program.spool / "outbox" / "b.mp4"
    kept.write_text("somebody's own")
    done = program("remove", "b")
    assert f"left {kept}: it was put there or changed later\n" in done.stdout
    assert kept.read_text() == "somebody's own"


def test_purge_lists_first_and_deletes_then(program: "Program") -> None:
    program.drop("a")
    program("once")
    old = ("--retention-days", "0.0000001")
    would = json.loads(program("purge", "--dry-run", "--json", *old).stdout)
    assert (program.spool / "outbox" / "a.mp4").exists()
    gone = json.loads(program("purge", "--json", *old).stdout)
    assert would["expired"] == gone["expired"] != []
    assert not (program.spool / "outbox" / "a.mp4").exists()
    assert program("purge").stdout == "0 deleted, 0 B.\n"


def test_a_purge_by_a_clock_in_doubt_needs_force(
    program: "Program", monkeypatch: pytest.MonkeyPatch
) -> None:
    program.drop("a")
    program("once")
    recorded = program.spool / ".state" / "clock.json"
    month_ago = json.loads(recorded.read_text())["newest"] - 30 * 86_400
    recorded.write_text(json.dumps({"newest": month_ago}))
    monkeypatch.setenv("TEST_CLOCK_SYNCHRONIZED", "no")
    old = ("--retention-days", "0.0000001")
    refused = program("purge", *old)
    assert refused.returncode == 3
    assert "the clock is 30.0 days ahead" in refused.stderr
    assert "--force" in refused.stderr
    assert (program.spool / "outbox" / "a.mp4").exists()
    listed = program("purge", "--dry-run", *old)
    assert (listed.returncode, listed.stdout, listed.stderr) == (3, "", refused.stderr)
    assert "a.mp4" in program("purge", "--dry-run", "--force", *old).stdout
    assert (program.spool / "outbox" / "a.mp4").exists()
    assert program("purge", "--force", *old).returncode == 0
    assert not (program.spool / "outbox" / "a.mp4").exists()


def test_a_folder_that_is_no_spool_is_left_alone(program: "Program") -> None:
    for command in (("status",), ("purge",), ("retry", "a"), ("remove", "a")):
        done = program(*command)
        assert done.returncode == 3
        assert "there is no spool in" in done.stderr
    assert not program.spool.exists()
    program.spool.mkdir()
    assert program("status").returncode == 3


def test_doctor_gives_verdicts_and_a_status(program: "Program") -> None:
    done = program("doctor", "--json", "--quick")
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["fit"] else 1)
    assert {check["verdict"] for check in report["checks"]} <= {"pass", "warn", "fail"}
    assert "torch" in {check["name"] for check in report["checks"]}


def test_the_supervisor_stays_slim() -> None:
    code = (
        "import sys, heygem_daemon.cli;"
        "print([name for name in ('torch', 'av', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
@pytest.mark.parametrize("command", [status, purge], ids=["status", "purge"])
def test_a_user_who_may_not_look_into_the_spool_is_told_whom_to_ask(
    tmp_path: Path, command: Callable[[Settings], None]
) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    os.chown(spool.state, 2, 2)
    said = _refusal(tmp_path, spool, command)
    owner = pwd.getpwuid(2).pw_name
    assert f"belongs to the user {owner}" in said
    assert f"`sudo -u {owner}`" in said
    assert "no spool" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_an_owner_without_a_name_or_who_cannot_be_seen_is_told_in_plain_words(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    number = next(each for each in range(54_321, 65_000) if not _has_name(each))
    os.chown(spool.state, number, number)
    said = _refusal(tmp_path, spool, purge)
    assert f"belongs to the user with the number {number}, who has no name" in said
    assert "sudo" not in said  # it refuses a number without a name
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    said = _refusal(tmp_path, Spool(spool.root.rename(closed / "spool")), purge)
    assert said.startswith("you may not look into the spool in ")
    assert "as the user that the daemon runs as" in said


def _refusal(tmp_path: Path, spool: Spool, command: Callable[[Settings], None]) -> str:
    """Return what ``command`` says to a user without rights."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    os.seteuid(65_534)
    try:
        with pytest.raises(EnvironmentFault) as caught:
            command(Settings(spool=spool.root))
    finally:
        os.seteuid(0)
    return str(caught.value)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def test_a_folder_that_the_unit_denies_has_no_spool_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert describe_absence(tmp_path).endswith("or it is not mounted")
    unit = Unit("heygem-daemon.service", {"ProtectSystem": "strict", "ReadWritePaths": "/srv"})
    monkeypatch.setattr(jobs, "find_unit", lambda: unit)
    assert "ProtectSystem" in describe_absence(tmp_path)
    assert "Run as root: " in describe_absence(tmp_path)
    assert describe_absence(tmp_path / "typo").endswith("or it is not mounted")
