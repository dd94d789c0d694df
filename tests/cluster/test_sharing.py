"""The chunks of one long job are drawn on several machines: the daemon, Ray and engine are real."""

import os
import signal

import pytest

from benchmarks.scaling import hash_pictures
from tests.cluster.daemon import Daemon
from tests.cluster.machines import Machines

pytestmark = pytest.mark.slow
pytest.importorskip("ray", reason="Ray is not installed: 'make cluster' installs it")

SECONDS = 75.0
NODES = ("anna", "bert")


def render(daemon: Daemon, name: str) -> str:
    """Wait for a job; return the hash of its pictures."""
    daemon.wait_for_results(name)
    return hash_pictures(daemon.spool / f"outbox/{name}.mp4")


@pytest.mark.timeout(900)
def test_one_long_job_is_drawn_on_several_machines(machines: Machines, daemon: Daemon) -> None:
    daemon.drop_long("alone", SECONDS)
    alone = render(daemon, "alone")
    assert daemon.report("alone")["chunks"]["shared"] == 0

    for name in NODES:
        machines.add(name)
        daemon.wait_for(f"the node {name} is here")
    daemon.drop("one", "two", "three")  # one for each machine, which then has the engine
    daemon.wait_for_results("one", "two", "three")
    daemon.drop_long("shared", SECONDS)
    for name in NODES:
        daemon.wait_for(f"CPU (node {name}) draws chunks of it too")
    assert render(daemon, "shared") == alone
    assert daemon.report("shared")["chunks"]["shared"] > 0

    started = daemon.log.count("job started")
    taken = daemon.log.count("draws chunks of it too")
    daemon.drop_long("harmed", SECONDS)
    daemon.wait_for("draws chunks of it too", taken + len(NODES))
    job = daemon.running_job()
    daemon.wait(lambda: any(job.glob("work/**/assistant-*/.segment-*")))
    os.kill(machines.raylet("anna"), signal.SIGKILL)
    daemon.wait_for("the node anna is lost: ")
    assert "jobs that start elsewhere: 0" in daemon.log
    assert render(daemon, "harmed") == alone
    report = daemon.report("harmed")
    assert report["chunks"]["shared"] > 0
    assert report["chunks"]["resumed"] == 0
    assert daemon.log.count("job started") == started + 1, "no job was started again"
    assert not list((daemon.spool / "processing").iterdir())
