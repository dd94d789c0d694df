"""``run --standby`` as processes: owners that are killed, and the next one that goes on."""

import functools
import os
import signal
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Program

pytestmark = pytest.mark.slow

Until = Callable[[Callable[[], object]], None]


def owner(program: "Program") -> int:
    """Return the process id of the spool's daemon; 0: it has none."""
    lock = program.spool / ".state" / "lock"
    words = lock.read_text().split() if lock.exists() else []
    return int(words[1]) if words else 0


def results(program: "Program") -> list[str]:
    return sorted(each.name for each in (program.spool / "outbox").glob("*.mp4"))


def are_published(program: "Program", wanted: set[str]) -> bool:
    return wanted <= set(results(program))


@pytest.mark.timeout(300)
def test_standbys_take_over_again_and_again_and_each_job_is_published_once(
    program: "Program", until: Until
) -> None:
    first = program.start("run")
    until(lambda: owner(program) == first.pid)
    daemons: dict[int, subprocess.Popen[str]] = {first.pid: first}
    for number in range(2):
        standby = program.start("run", "--standby")
        daemons[standby.pid] = standby
        names = [f"talk{number}{each}" for each in "abc"]
        for name in names:
            program.drop(name, "linger once" if name.endswith("b") else "")
        # Killed in the midst of the second job, while the third one waits.
        until(lambda: list((program.spool / "processing").glob("*/work/lingered")))
        ended = daemons.pop(owner(program))
        ended.kill()
        ended.wait()
        until(lambda: owner(program) in daemons)
        wanted = {f"{each}.mp4" for each in names}
        until(functools.partial(are_published, program, wanted))
    assert results(program) == [f"talk{n}{each}.mp4" for n in range(2) for each in "abc"]
    assert list((program.spool / "inbox").iterdir()) == []
    log = (program.spool / "logs" / "heygem-daemon.log").read_text()
    assert "ERROR" not in log


def test_a_standby_ends_at_once_when_it_is_asked_to(program: "Program", until: Until) -> None:
    first = program.start("run")
    until(lambda: owner(program) == first.pid)
    standby = program.start("run", "--standby")
    assert standby.stdout is not None
    assert "standby: waits until" in standby.stdout.readline()
    standby.send_signal(signal.SIGHUP)
    standby.send_signal(signal.SIGTERM)
    assert standby.wait(30) == -signal.SIGTERM
    assert owner(program) == first.pid


def test_a_daemon_whose_lock_another_machine_got_publishes_nothing(
    program: "Program", until: Until
) -> None:
    program.drop("talk", "linger")
    daemon = program.start("run")
    status = program.spool / ".state" / "status.json"
    until(lambda: status.exists() and '"render"' in status.read_text())
    os.kill(daemon.pid, signal.SIGSTOP)
    lock = program.spool / ".state" / "lock"
    lock.write_text("process 1 on render-2, since 2026-11-29 10:00:00 +0000 (0badcafe)\n")
    os.kill(daemon.pid, signal.SIGCONT)
    output, _ = daemon.communicate(timeout=60)
    assert daemon.returncode == 3
    assert "Another daemon has taken over this spool: process 1 on render-2" in output
    assert results(program) == []
    assert "render-2" in lock.read_text()
