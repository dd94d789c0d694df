"""A node with a network and a mount of its own, on a real Ray cluster: it is cut off."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.campaign import ELSEWHERE_SECONDS
from tests.cluster.daemon import Daemon
from tests.cluster.machines import Machines
from tests.cluster.networks import Network, lacks, mount_point

pytestmark = pytest.mark.slow
pytest.importorskip("ray", reason="Ray is not installed: 'make cluster' installs it")


@pytest.fixture
def network() -> Iterator[Network]:
    if reason := lacks():
        pytest.skip(reason)
    network = Network()
    yield network
    network.close()


@pytest.fixture
def machines(network: Network) -> Iterator[Machines]:
    machines = Machines(network.host)
    yield machines
    machines.close()


@pytest.mark.timeout(600)
def test_the_job_of_a_node_that_is_cut_off_starts_elsewhere(
    network: Network, machines: Machines, tmp_path: Path
) -> None:
    folder = machines.folder / "anna"
    paths = {"HEYGEM_CLUSTER_PATHS": f"anna={mount_point(folder)}"}
    daemon = Daemon(tmp_path / "spool", machines.address, machines.environment | paths)
    try:
        machines.join(network.machine("anna", folder, daemon.spool, machines.environment))
        daemon.wait_for("the node anna is here")
        daemon.drop("one", "two")
        daemon.wait_for("job started on CPU (node anna)")
        network.cut("anna")
        cut_at = time.monotonic()
        daemon.wait_for("jobs that start elsewhere: 1")
        assert time.monotonic() - cut_at < ELSEWHERE_SECONDS
        daemon.wait_for_results("one", "two")
        network.mend("anna")
        while daemon.log.count("the node anna is here") < 2:
            machines.keep()
            time.sleep(0.5)
        assert not list((daemon.spool / "failed").iterdir())
    finally:
        daemon.close()
