"""Ray's token: a node or a daemon without the right one gets nothing, and its own log says why."""

from pathlib import Path

import pytest

from tests.cluster.daemon import Daemon
from tests.cluster.machines import Machines

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray", reason="Ray is not installed: 'make cluster' installs it")

WRONG = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "f" * 32}
NONE = {"RAY_AUTH_MODE": "disabled"}
UNSET = {"RAY_AUTH_MODE": "token"}
REFUSED = "the token of this machine is missing or is not that of the head: see RAY_AUTH_MODE"


@pytest.mark.timeout(400)
def test_only_nodes_with_the_token_get_jobs(machines: Machines, tmp_path: Path) -> None:
    strangers = [machines.add("wrong", WRONG), machines.add("bare", NONE)]
    machines.add("right")
    daemon = Daemon(tmp_path / "spool", machines.address, machines.environment)
    try:
        daemon.wait_for("the node right is here")
        for each in strangers:
            each.wait()
            assert each.has_ended()
            assert "Authentication token is missing or incorrect" in each.log
        assert "the node wrong" not in daemon.log
        assert "the node bare" not in daemon.log
    finally:
        daemon.close()


@pytest.mark.timeout(400)
def test_a_daemon_without_the_token_says_so_and_works_on(
    machines: Machines, tmp_path: Path
) -> None:
    machines.add("anna").wait()
    # One after the other, on one Ray: it takes longer to start than they do.
    for name, environment in {"wrong": WRONG, "none": NONE, "unset": UNSET}.items():
        daemon = Daemon(tmp_path / name, machines.address, environment)
        try:
            daemon.wait_for(REFUSED)
            daemon.drop("one", pictures=10)
            daemon.wait_for_results("one")
            assert "the node anna is here" not in daemon.log
        finally:
            daemon.close()
