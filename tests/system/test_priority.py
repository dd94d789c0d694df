"""The priority of a process, as the kernel tells of it."""

import os
import platform
import shutil
import subprocess
import sys

import pytest

from heygem_daemon.system.priority import IoPriority, lower_priority

CODE = """
import subprocess, sys, threading
from heygem_daemon.system.priority import lower_priority
lower_priority(int(sys.argv[1]), sys.argv[2])
def tell():
    thread = threading.get_native_id()
    print(open(f"/proc/self/task/{thread}/stat").read().rpartition(")")[2].split()[16])
    if len(sys.argv) > 3:
        print(subprocess.check_output([sys.argv[3], "-p", str(thread)], text=True))
threading.Thread(target=tell).start()
"""
"""Lowers its priority, and tells that of a thread that starts later."""


def of_a_later_thread(nice: int, io: IoPriority) -> str:
    program = shutil.which("ionice")
    command = [sys.executable, "-c", CODE, str(nice), io, *([program] if program else [])]
    return subprocess.check_output(command, text=True)


@pytest.mark.parametrize(
    ("io", "told"), [("normal", ""), ("low", "best-effort: prio 7"), ("idle", "idle")]
)
def test_threads_have_the_priority_of_their_process(io: IoPriority, told: str) -> None:
    nice = min(19, os.nice(0) + 3)
    first, _, rest = of_a_later_thread(nice, io).partition("\n")
    assert int(first) == nice
    if shutil.which("ionice"):
        assert told in rest


def test_a_priority_is_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpriority", lambda *_: 10)
    monkeypatch.setattr(os, "setpriority", lambda *_: pytest.fail("it was changed"))
    lower_priority(5, "normal")


def test_an_architecture_without_a_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "sparc64")
    with pytest.raises(OSError, match="not known on sparc64"):
        lower_priority(0, "idle")
