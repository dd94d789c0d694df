"""``config check``, ``config show``, and a daemon that reads its configuration again."""

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.cli.setting_flags import load_right_ones
from heygem_daemon.config.loading import SettingsSource, WrongSettings
from heygem_daemon.config.settings import Settings
from heygem_daemon.spool.spool import Spool

if TYPE_CHECKING:
    from tests.cli.conftest import Program

Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def file(program: "Program", tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text("crf = 20\n")
    program.environment["HEYGEM_CONFIG"] = str(file)
    return file


def test_a_right_configuration_passes(program: "Program", file: Path) -> None:
    done = program("config", "check")
    assert (done.returncode, done.stdout) == (0, f"The settings are right ({file}).\n")


def test_a_certificate_that_cannot_sign_is_told(program: "Program", file: Path) -> None:
    file.write_text('c2pa_certificate = "/nope"\nc2pa_key = "/nope.key"\n')
    done = program("config", "check")
    assert done.returncode == 0
    assert "c2pa_certificate, c2pa_key: nothing can be signed: the certificate /nope" in done.stdout


def test_targets_of_notifications_are_tried(program: "Program", file: Path, tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    targets = tmp_path / "targets.toml"
    targets.write_text('[[apprise]]\nname = "chat"\nurl = "slak://nonsense"\n')
    targets.chmod(0o600)
    file.write_text(f'notifications = "{targets}"\n')
    problem = "chat: Apprise does not know such an address"
    assert f"warning: notifications: {problem}" in program("config", "check").stdout
    done = program("notify", "--test", "chat")
    assert (done.returncode, done.stdout.strip()) == (1, problem)


def test_what_does_not_fit_this_machine_is_told_beside_mistakes(
    program: "Program", file: Path
) -> None:
    file.write_text(
        'on_published = ["/nope/tool", "{result}"]\nfree_space_gib = 1e7\ncontent_producer = ""\n'
        f'log_folder = "{program.spool}/inbox/logs"\ncrf = 99\n'
    )
    done = program("config", "check")
    assert (done.returncode, "crf = 99" in done.stderr) == (2, True)
    for doubt in (
        "on_published: /nope/tool is not there",
        "free_space_gib = 1e+07 is more than the spool's disk has",
        'content_producer = "" means the default',
        "log_folder is in the spool's folder inbox",
    ):
        assert f"warning: {doubt}" in done.stdout


def test_every_mistake_is_told_and_the_status_is_two(program: "Program", file: Path) -> None:
    file.write_text('crf = 99\nchunk_second = 3\nloop = "x"\n')
    done = program("config", "check")
    assert done.returncode == 2
    for problem in ("crf = 99: must be", 'unknown key "chunk_second"', 'loop = "x": must be'):
        assert problem in done.stderr


def test_each_setting_is_shown_with_its_origin(program: "Program", file: Path) -> None:
    shown = json.loads(program("config", "show", "--json", "--preset", "slow").stdout)
    assert set(shown) == set(Settings.model_fields)
    assert shown["crf"] == {
        "value": 20,
        "origin": "file",
        "place": f"{file}, line 1",
        "applies": "to jobs that start from now on",
    }
    assert (shown["spool"]["origin"], shown["spool"]["place"]) == ("environment", "HEYGEM_SPOOL")
    assert (shown["preset"]["value"], shown["preset"]["place"]) == ("slow", "--preset")
    assert (shown["threads"]["origin"], shown["threads"]["place"]) == ("default", "")
    table = program("config", "show").stdout
    (line,) = [line for line in table.splitlines() if line.startswith("crf ")]
    assert line.split()[:2] == ["crf", "20"]
    assert f"{file}, line 1" in line


def test_what_is_not_set_is_shown_so(program: "Program", file: Path) -> None:
    table = program("config", "show").stdout
    (line,) = [line for line in table.splitlines() if line.startswith("notifications ")]
    assert line.split()[:3] == ["notifications", "not", "set"]
    assert "None" not in table
    assert "未设置" in program("config", "show", "--language", "zh").stdout


@pytest.mark.slow
def test_sighup_reads_the_file_again_and_interrupts_nothing(
    program: "Program", file: Path, tmp_path: Path, until: Until
) -> None:
    program.drop("talk", "linger")
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(60)
        program.environment["NOTIFY_SOCKET"] = address
        daemon = program.start("run")
        status = program.spool / ".state" / "status.json"
        until(lambda: status.exists() and '"render"' in status.read_text())
        log = program.spool / "logs" / "heygem-daemon.log"
        log.replace(log.with_name("moved.log"))
        file.write_text('crf = 21\nspool = "/nowhere"\nthreads = 2\n')
        messages: list[str] = []
        daemon.send_signal(signal.SIGHUP)
        while not any(each.startswith("RELOADING=1\nMONOTONIC_USEC=") for each in messages):
            messages.append(listener.recv(10_000).decode())
        while messages[-1] != "READY=1":
            messages.append(listener.recv(10_000).decode())
        until(lambda: "restart: threads" in (json.loads(status.read_text())["settings_note"] or ""))
        text = log.read_text()
        assert "setting crf = 21, before 20: applies to jobs that start from now on" in text
        assert "setting threads = 2 needs a restart; until then it is 0" in text
        file.write_text("crf = 99\n")
        daemon.send_signal(signal.SIGHUP)
        until(lambda: "the settings stay as they were" in log.read_text())
        until(lambda: "not in force" in (json.loads(status.read_text())["settings_note"] or ""))
        state = json.loads(status.read_text())
    assert (state["state"], state["jobs"][0]["state"], state["jobs"][0]["attempt"]) == (
        "working",
        "running",
        1,
    )
    assert daemon.poll() is None


def test_what_makes_no_sense_is_a_warning(program: "Program", file: Path) -> None:
    file.write_text("retention_days = 0.0001\n")
    done = program("config", "check")
    assert done.returncode == 0
    assert done.stdout.startswith("warning: retention_days = 0.0001 deletes results 9 s after")


def test_mistakes_in_the_file_of_targets_are_told_without_its_secrets(
    program: "Program", file: Path, tmp_path: Path
) -> None:
    targets = tmp_path / "targets.toml"
    targets.write_text('[[webhook]]\nname = "hook"\nurl = "http://h/"\nsecret = "a-tiny-one"\n')
    targets.chmod(0o600)
    file.write_text(f'notifications = "{targets.name}"\n')
    done = program("config", "check")
    assert done.returncode == 0
    assert f"warning: notifications: {targets}: webhook.1.secret: must have 16" in done.stdout
    assert "a-tiny-one" not in done.stdout + done.stderr


def test_who_looks_at_the_daemon_can_do_so_beside_a_wrong_configuration(
    program: "Program", file: Path
) -> None:
    Spool(program.spool).prepare()
    file.write_text('crf = 99\nscan_secnds = 2\nretention_days = "x"\n')
    right = {name: program(name, *rest) for name, *rest in (["history", "--json"], ["status"])}
    for name, done in right.items():
        assert "crf = 99" in done.stderr, name
        assert "scan_secnds" in done.stderr, name
        assert done.stderr.count("warning: ") == 3, done.stderr
    assert right["history"].returncode == 0
    assert json.loads(right["history"].stdout) == []
    assert program("history", "--crf", "98").returncode == 2, "an option is meant"
    file.write_text("spool = 7\n")
    with pytest.raises(WrongSettings):
        load_right_ones(SettingsSource(file))


@pytest.mark.parametrize("text", ['spool = "/tmp/x', "\udcff", None], ids=["open", "bytes", "gone"])
def test_a_file_that_cannot_be_read_hides_no_spool_that_is_named(
    program: "Program", file: Path, text: str | None
) -> None:
    Spool(program.spool).prepare()
    if text is None:
        file.unlink()
    else:
        file.write_bytes(text.encode(errors="surrogateescape"))
    named = program("history", "--json", "--spool", str(program.spool))
    assert (named.returncode, json.loads(named.stdout)) == (0, [])
    assert named.stderr.startswith("warning: ")
    program.environment["HEYGEM_SPOOL"] = ""  # counts as none
    unnamed = program("history")
    assert unnamed.returncode == 2
    assert "name it with --spool" in unnamed.stderr
    assert program("config", "check").returncode == 2


def test_settings_that_need_each_other_hide_no_other_doubt(program: "Program", file: Path) -> None:
    file.write_text('c2pa_certificate = "/nope.pem"\nretention_days = 0.0001\n')
    done = program("config", "check")
    assert done.returncode == 2
    assert "c2pa_certificate and c2pa_key are needed together" in done.stderr
    assert "retention_days" in done.stdout
