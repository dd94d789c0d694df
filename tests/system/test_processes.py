"""What the kernel says of a process."""

import os
import signal
import subprocess
import time
from pathlib import Path

from heygem_daemon.system.processes import ProcessState, read_process


def test_a_process_runs_is_suspended_and_ends() -> None:
    before = time.time()
    child = subprocess.Popen(["sleep", "60"])
    try:
        state = read_process(child.pid)
        assert state is not None
        assert state.activity == "runs"
        assert abs(state.started - before) < 60
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        suspended = read_process(child.pid)
        assert suspended is not None
        assert suspended.activity == "is suspended"
    finally:
        child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert read_process(child.pid) is None  # it has ended, although nobody has waited for it
    child.wait()
    assert read_process(child.pid) is None


def test_a_process_waits_for_a_disk(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu 1 2 3\nbtime 1000\n")
    (tmp_path / "7").mkdir()
    fields = ["0"] * 18 + [str(5 * os.sysconf("SC_CLK_TCK"))] + ["0"] * 10
    (tmp_path / "7" / "stat").write_text(f"7 (a) D (b) D {' '.join(fields)}\n")
    assert read_process(7, tmp_path) == ProcessState(7, "waits for a disk", 1005.0)
