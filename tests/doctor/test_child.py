"""Probes in child processes that hang, crash, or print something else than an answer."""

import os
import time
from pathlib import Path

import pytest

from heygem_daemon.doctor.answers import LibraryAnswer
from heygem_daemon.doctor.child import ProbeFailure, run_probe

LONG = 60.0


def answer_of(program: str, seconds: float = LONG) -> LibraryAnswer | ProbeFailure:
    return run_probe(["-c", program], LibraryAnswer, seconds)


def test_a_program_answers_with_the_last_line_that_it_prints() -> None:
    assert answer_of("print('noise'); print('{\"version\": \"1\"}')") == LibraryAnswer("1")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("raise OSError('libc10_cuda.so')", "OSError: libc10_cuda.so"),
        ("import os; os.kill(os.getpid(), 11)", "crashed (SIGSEGV)"),
        ("import sys; sys.exit(7)", "ended with status 7"),
        ("print('no JSON')", "printed no JSON"),
        ("print('{\"colour\": 1}')", 'printed {"colour": 1}'),
        ("pass", "printed nothing"),
    ],
)
def test_a_program_that_fails_is_a_finding(program: str, reason: str) -> None:
    assert answer_of(program) == ProbeFailure(reason)


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = (
        "import os, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        f" open({str(mark)!r}, 'w').write(str(child.pid)); time.sleep(600)"
    )
    answer = answer_of(program, seconds=2.0)
    assert isinstance(answer, ProbeFailure)
    assert answer.hung
    assert "no answer within 2 s" in answer.reason
    deadline = time.monotonic() + LONG
    while _runs(int(mark.read_text())):
        assert time.monotonic() < deadline, "its child outlived it"
        time.sleep(0.01)


def test_an_environment_replaces_our_own() -> None:
    program = "import json, os; print(json.dumps({'version': os.environ['NAMED']}))"
    assert run_probe(
        ["-c", program], LibraryAnswer, LONG, {**os.environ, "NAMED": "x"}
    ) == LibraryAnswer("x")


def _runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and ") Z " not in stat.read_text()
