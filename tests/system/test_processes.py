"""What the kernel says of a process."""

import os
import signal
import subprocess
import time
from pathlib import Path

from heygem_daemon.system.processes import Activity, ProcessState, read_process


def test_a_process_runs_is_suspended_and_ends() -> None:
    before = time.time()
    child = subprocess.Popen(["sleep", "60"])
    try:
        # It waits for the disk until its program is loaded.
        state = wait_until(child.pid, "runs")
        assert abs(state.started - before) < 60
        os.kill(child.pid, signal.SIGSTOP)
        wait_until(child.pid, "is suspended")
    finally:
        child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert read_process(child.pid) is None  # it has ended, although nobody has waited for it
    child.wait()
    assert read_process(child.pid) is None


def wait_until(pid: int, activity: Activity) -> ProcessState:
    """Return the state of a process once it does this; fail if it does not within a minute."""
    deadline = time.monotonic() + 60
    while (state := read_process(pid)) is None or state.activity != activity:
        assert time.monotonic() < deadline, state
        time.sleep(0.01)
    return state


def test_a_process_waits_for_a_disk(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu 1 2 3\nbtime 1000\n")
    (tmp_path / "7").mkdir()
    fields = ["0"] * 18 + [str(5 * os.sysconf("SC_CLK_TCK"))] + ["0"] * 10
    (tmp_path / "7" / "stat").write_text(f"7 (a) D (b) D {' '.join(fields)}\n")
    assert read_process(7, tmp_path) == ProcessState(7, "waits for a disk", 1005.0)
