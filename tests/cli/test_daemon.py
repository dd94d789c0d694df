"""``run`` and ``once`` as processes."""

import json
import signal
import socket
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.notify.servers import http_server

if TYPE_CHECKING:
    from tests.cli.conftest import Program

pytestmark = pytest.mark.slow

Until = Callable[[Callable[[], object]], None]


def test_once_needs_only_the_spool_and_publishes(program: "Program") -> None:
    program.drop("talk")
    done = program("once")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 published, 0 failed, 0 left waiting\n"
    assert (program.spool / "outbox" / "talk.mp4").read_text() == "video"
    log = (program.spool / "logs" / "heygem-daemon.log").read_text()
    assert "published as talk.mp4" in log
    assert "published as talk.mp4" in done.stderr


def test_once_answers_one_if_a_job_failed(program: "Program") -> None:
    program.drop("bad", "refuse")
    program.drop("good")
    done = program("once", "--json")
    assert done.returncode == 1
    counts = {"published": 1, "failed": 1, "left": 0, "waiting_files": 0}
    assert json.loads(done.stdout) == {**counts, "hold": None}
    assert "There is no face." in (program.spool / "failed" / "bad" / "reason.txt").read_text()


def test_once_answers_three_if_a_job_must_wait(program: "Program") -> None:
    program.drop("talk")
    done = program("once", "--device", "cuda")
    assert done.returncode == 3
    assert "1 left waiting: device = 'cuda', but there is no GPU" in done.stdout


def test_a_worker_that_is_killed_costs_attempts_only(program: "Program") -> None:
    program.drop("poison", "die")
    program.drop("good")
    done = program("once", "--max-attempts", "2")
    assert done.returncode == 1
    assert done.stdout.startswith("1 published, 1 failed")
    reason = (program.spool / "failed" / "poison" / "reason.txt").read_text()
    assert "crashed in 2 attempts" in reason


def test_a_lone_file_is_reported_and_left(program: "Program") -> None:
    program.drop("talk")
    (program.spool / "inbox" / "talk.wav").unlink()
    done = program("once")
    assert done.returncode == 0
    assert done.stdout == "0 published, 0 failed, 0 left waiting, 1 file waits in the inbox\n"
    assert "has no audio of the same name beside it" in done.stderr
    assert (program.spool / "inbox" / "talk.mp4").exists()


def test_the_daemon_stops_on_sigterm_and_keeps_its_job(program: "Program", until: Until) -> None:
    program.drop("talk", "linger")
    program.environment["HEYGEM_STOP_SECONDS"] = "0.5"
    daemon = program.start("run")
    status = program.spool / ".state" / "status.json"
    until(lambda: status.exists() and '"render"' in status.read_text())
    daemon.send_signal(signal.SIGTERM)
    output, _ = daemon.communicate(timeout=60)
    assert daemon.returncode == 0, output
    assert "job interrupted; what is rendered is kept" in output
    state = json.loads(status.read_text())
    assert (state["state"], state["jobs"][0]["attempt"]) == ("stopped", 0)


def test_a_second_signal_ends_the_daemon_at_once(program: "Program", until: Until) -> None:
    program.drop("talk", "linger")
    daemon = program.start("run")
    status = program.spool / ".state" / "status.json"
    until(lambda: status.exists() and '"render"' in status.read_text())
    daemon.send_signal(signal.SIGINT)
    until(lambda: '"stopping"' in status.read_text())
    daemon.send_signal(signal.SIGINT)
    daemon.communicate(timeout=60)
    assert daemon.returncode == -signal.SIGINT


def test_systemd_is_notified_of_the_start_and_the_end(
    program: "Program", tmp_path: Path, until: Until
) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(60)
        program.environment |= {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000"}
        daemon = program.start("run")
        messages: list[str] = []
        while "READY=1" not in messages:
            messages.append(listener.recv(1000).decode())
        daemon.send_signal(signal.SIGTERM)
        while "STOPPING=1" not in messages:
            messages.append(listener.recv(1000).decode())
        assert "WATCHDOG=1" in messages
    daemon.communicate(timeout=60)
    assert daemon.returncode == 0


@pytest.mark.parametrize("command", ["run", "once"])
def test_a_second_daemon_is_refused_and_disturbs_nobody(
    program: "Program", until: Until, command: str
) -> None:
    first = program.start("run")
    until((program.spool / ".state" / "status.json").exists)
    second = program(command)
    assert second.returncode == 3
    last = second.stderr.splitlines()[-1]
    assert last.startswith(
        f"heygem-daemon: Another daemon works on this spool: process {first.pid} on "
    )
    assert last.endswith("Stop that one first, or use another spool.")
    assert "Traceback" not in second.stderr
    program.drop("talk")
    until((program.spool / "outbox" / "talk.mp4").exists)
    assert json.loads(program("status", "--json").stdout)["daemon"]["pid"] == first.pid


def test_status_knows_at_once_that_the_daemon_was_killed(program: "Program", until: Until) -> None:
    daemon = program.start("run")
    until((program.spool / ".state" / "status.json").exists)
    assert ": idle, up" in program("status").stdout
    daemon.kill()
    daemon.wait()
    assert program("status").stdout.startswith("No daemon is running on ")
    state = json.loads(program("status", "--json").stdout)
    assert (state["running"], state["daemon"]["pid"]) == (False, daemon.pid)


def test_a_wrong_setting_is_one_line_and_status_two(program: "Program", tmp_path: Path) -> None:
    config = tmp_path / "my.toml"
    config.write_text("chunk_second = 3\n")
    done = program("once", "--config", str(config))
    assert done.returncode == 2
    assert done.stderr == (
        f'heygem-daemon: {config}: unknown key "chunk_second"; did you mean "chunk_seconds"?\n'
    )


def test_a_wrong_option_value_is_named(program: "Program") -> None:
    done = program("run", "--crf", "99")
    assert done.returncode == 2
    assert done.stderr.startswith("heygem-daemon: --crf: ")


def test_an_unknown_option_is_status_two(program: "Program") -> None:
    assert program("once", "--chunk-second", "3").returncode == 2


def test_log_lines_can_be_json(program: "Program") -> None:
    program.drop("talk")
    done = program("once", "--log-json")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    published = [event for event in events if event["message"] == "published as talk.mp4"]
    assert published[0]["job"] == "talk"


def test_a_killed_daemon_goes_on_with_its_batch_and_makes_one_zip(
    program: "Program", until: Until
) -> None:
    folder = program.spool / "inbox" / "show"
    folder.mkdir(parents=True)
    (folder / "face.mp4").write_text("video")
    for number in range(8):
        (folder / f"{number}.wav").write_text("refuse" if number == 2 else "render")
    spool = program.spool

    def ended() -> list[str]:
        found = [*spool.glob("outbox/show/*.mp4"), *spool.glob("failed/show/*")]
        return sorted(path.stem for path in found)

    def at_least(count: int) -> Callable[[], bool]:
        return lambda: len(ended()) >= count

    for count in (1, 3, 6):
        child = program.start("run")
        until(at_least(count))
        child.kill()
        child.wait()
    program("once")
    assert ended() == [str(number) for number in range(8)]
    assert [path.name for path in (spool / "outbox").iterdir()] == ["show"]
    with zipfile.ZipFile(spool / "outbox" / "show" / "show.zip") as archive:
        assert archive.testzip() is None
        assert sum(name.endswith(".mp4") for name in archive.namelist()) == 7
    assert list((spool / "processing").iterdir()) == []
    assert len(list((spool / "done" / "show" / "inputs").iterdir())) == 8


def test_the_metrics_are_served_until_a_reload_says_otherwise(
    program: "Program", until: Until
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = program.spool.parent / "config.toml"
    config.write_text(f"metrics_port = {port}\n")
    program.environment["HEYGEM_CONFIG"] = str(config)

    def read() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:  # refused, or reset while the port is closed
            return ""

    daemon = program.start("run")
    program.drop("talk")
    until(lambda: 'heygem_jobs_total{outcome="published"} 1.0' in read())
    config.write_text("metrics_port = 0\n")
    daemon.send_signal(signal.SIGHUP)
    until(lambda: not read())
    file = program.spool / ".state" / "metrics.prom"
    assert 'heygem_state{state="idle"} 1.0' in file.read_text()


def test_a_port_that_is_taken_does_not_stop_the_daemon(program: "Program", until: Until) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        program.start("run", "--metrics-port", str(port))
        program.drop("talk")
        until((program.spool / "outbox" / "talk.mp4").exists)
    log = (program.spool / "logs" / "heygem-daemon.log").read_text()
    assert f"no metrics on port {port}: Address already in use" in log


def test_a_published_job_reaches_the_command_and_after_a_restart_a_webhook_that_was_down(
    program: "Program", until: Until, tmp_path: Path
) -> None:
    archive, targets = tmp_path / "archive", tmp_path / "targets.toml"
    archive.mkdir()
    with http_server(503) as server:
        targets.write_text(
            f'[[webhook]]\nname = "hook"\nurl = "{server.url}/h"\nsecret = "{"s" * 16}"\n'
        )
        targets.chmod(0o600)
        program.environment["HEYGEM_NOTIFICATIONS"] = str(targets)
        program.environment["HEYGEM_ON_PUBLISHED"] = f"cp '{{result}}' {archive}"
        program.environment["HEYGEM_ON_PUBLISHED_FOLDERS"] = str(archive)
        first = program.start("run")
        program.drop("talk")
        until(lambda: server.requests)
        until((archive / "talk.mp4").exists)
        first.terminate()
        assert first.wait(60) == 0
        kept = program.spool / ".state" / "notifications.json"
        assert kept.stat().st_mode & 0o777 == 0o600
        assert server.statuses == [503]
        server.statuses[:] = [200]
        program.start("run")
        until(lambda: not kept.exists())
        metrics = program.spool / ".state" / "metrics.prom"
        until(lambda: 'notifications_total{outcome="delivered"} 1.0' in metrics.read_text())
    ids = {each.headers["X-Heygem-Delivery"] for each in server.requests}
    assert len(ids) == 1
    body = json.loads(server.requests[-1].body)
    assert (body["kind"], body["job"]) == ("published", "talk")
    assert body["file"] == str(program.spool / "outbox" / "talk.mp4")
