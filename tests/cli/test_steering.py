"""``cancel``, ``hurry``, ``retry`` and ``remove``, with a daemon and without one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.cli import steering
from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import BadInput
from heygem_daemon.service.offline_requests import cancel_offline
from heygem_daemon.spool.command_requests import CommandAnswer
from heygem_daemon.spool.spool import Spool

if TYPE_CHECKING:
    from tests.cli.conftest import Program

Until = Callable[[Callable[[], bool]], None]


def failed(program: "Program") -> list[str]:
    return sorted(path.name for path in (program.spool / "failed").iterdir())


def requests(program: "Program") -> list[str]:
    folder = program.spool / ".state" / "requests"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_without_a_daemon_a_pair_and_a_folder_are_cancelled(program: "Program") -> None:
    program("once")
    program.drop("a")
    program.drop("b")
    (program.spool / "inbox" / "talks").mkdir()
    for name in ("1.wav", "1.mp4", "2.mp4"):
        (program.spool / "inbox" / "talks" / name).write_bytes(b"x")
    done = program("cancel", "A")
    assert (done.returncode, done.stdout) == (0, "A is cancelled; its files are in failed.\n")
    assert program("cancel", "talks").returncode == 0
    assert failed(program) == ["a", "talks"]
    assert "cancelled by" in (program.spool / "failed" / "a" / "reason.txt").read_text()
    done = program("cancel", "nobody")
    assert done.returncode == 1
    assert "No job nobody waits." in done.stderr
    assert program("once").returncode == 0
    assert (program.spool / "outbox" / "b.mp4").exists()
    assert list((program.spool / "processing").iterdir()) == []


def test_without_a_daemon_a_retry_can_change_options(program: "Program") -> None:
    program.drop("bad", "refuse")
    program("once")
    assert program("retry", "bad", "--face", "left", "--priority", "7").returncode == 0
    sidecar = program.spool / "inbox" / "bad.toml"
    assert sidecar.read_text() == 'face = "left"\npriority = 7\n'
    assert program("retry", "bad", "--crf", "20", "--codec", "prores").returncode == 1


def test_without_a_daemon_a_hurry_is_left_for_the_next_one(program: "Program") -> None:
    program("once")
    done = program("hurry", "talk")
    assert (done.returncode, requests(program)) == (1, [])
    assert "No job talk waits." in done.stderr
    program.drop("talk")
    done = program("hurry", "talk")
    assert done.returncode == 0
    assert done.stdout == "no daemon runs; the next one lets talk go first.\n"
    assert len(requests(program)) == 1
    program("once")
    assert (program.spool / "outbox" / "talk.mp4").exists()


@pytest.mark.parametrize("has_daemon", [True, False])
@pytest.mark.parametrize(
    "command", [steering.cancel, steering.hurry, steering.retry, steering.remove]
)
def test_a_name_that_is_not_there_suggests_the_nearest_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[..., None],
    has_daemon: bool,
) -> None:
    spool, settings = Spool(tmp_path), Settings(spool=tmp_path)
    spool.prepare()
    for name in ("ended.wav", "ended.mp4"):
        (spool.inbox / name).touch()
    cancel_offline(spool, "ended")
    for name in ("curl.wav", "curl.mp4"):
        (spool.inbox / name).touch()
    if has_daemon:
        refusal = CommandAnswer(text="no job", is_refusal=True)
        monkeypatch.setattr(steering, "_ask", lambda *_: refusal)
    waits = command in (steering.cancel, steering.hurry)
    options = (JobOptions(),) if command is steering.retry else ()
    with pytest.raises(BadInput) as caught:
        command(settings, *options, "currl" if waits else "endet")
    assert caught.value.remedy == f'Did you mean "{"curl" if waits else "ended"}"?'


@pytest.mark.slow
def test_the_running_daemon_carries_out_what_commands_ask(
    program: "Program", until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "PATIENCE_SECONDS", 300.0)
    program.drop("long", "until paused")
    program.start("run")
    until(lambda: '"running"' in _status(program))
    program.drop("bad", "refuse")
    program.drop("next")
    until(lambda: "next" in _status(program))
    done = program("hurry", "next")
    # Complete in the inbox, or claimed by then.
    assert done.stdout.startswith(("next goes first", "next was put first"))
    assert done.returncode == 0
    done = program("cancel", "long", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"answer": "long is cancelled; its files are in failed."}
    until(lambda: failed(program) == ["bad", "long"])
    until((program.spool / "outbox" / "next.mp4").exists)
    done = program("retry", "bad", "--priority", "3")
    assert (done.returncode, done.stdout) == (0, "bad is in the inbox again.\n")
    assert program("remove", "next").returncode == 0
    assert not (program.spool / "outbox" / "next.mp4").exists()
    done = program("remove", "nxt")
    assert done.returncode == 1
    assert requests(program) == []


def _status(program: "Program") -> str:
    file = program.spool / ".state" / "status.json"
    return file.read_text() if file.exists() else ""


def test_without_a_daemon_a_sidecar_that_is_the_daemon_s_own_goes_with_its_pair(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path)
    spool.prepare()
    for name in ("talk.wav", "talk.mp4", "talk.toml"):
        (spool.inbox / name).touch()
    (spool.inbox / "talk.toml").chmod(0o600)  # as a retry brings it back
    cancel_offline(spool, "talk")
    assert list(spool.inbox.iterdir()) == []
