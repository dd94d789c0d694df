"""The real daemon and the shipped engine on a real Ray cluster of one machine, whose nodes die."""

import os
import signal
import time

import pytest

from tests.cluster.daemon import Daemon
from tests.cluster.machines import Machines

pytestmark = pytest.mark.slow
pytest.importorskip("ray", reason="Ray is not installed: 'make cluster' installs it")

ELSEWHERE_SECONDS = 15.0
"""Within which the jobs of a dead node start elsewhere."""


@pytest.mark.timeout(900)
def test_jobs_run_on_nodes_and_survive_their_deaths(machines: Machines, daemon: Daemon) -> None:
    machines.add("anna")
    daemon.wait_for("the node anna is here")
    daemon.drop("one", "two")
    daemon.wait_for("job started on CPU (node anna)")
    machines.add("bert")
    daemon.wait_for("the node bert is here")
    daemon.wait_for_results("one", "two")

    daemon.drop("three", "four", "five")  # one for each machine
    daemon.wait_for("job started on CPU (node anna)", 2)
    daemon.wait_for("job started on CPU (node bert)")
    started = daemon.log.count("job started")
    os.kill(machines.agent("anna"), signal.SIGSTOP)
    killed_at = time.monotonic()
    daemon.wait_for("the node anna is lost: ")
    assert "jobs that start elsewhere: 1" in daemon.log
    lost_after = time.monotonic() - killed_at
    assert lost_after < ELSEWHERE_SECONDS
    os.kill(machines.raylet("bert"), signal.SIGKILL)
    daemon.wait_for("the node bert is lost")
    daemon.wait_for_results("three", "four", "five")
    assert daemon.log.count("job started") > started

    outbox = sorted(each.name for each in (daemon.spool / "outbox").glob("*.mp4"))
    assert outbox == ["five.mp4", "four.mp4", "one.mp4", "three.mp4", "two.mp4"]
    assert not list((daemon.spool / "failed").iterdir())
