"""The link gives each node the spool's path of its machine."""

import time

from heygem_daemon.cluster.link import ClusterLink
from heygem_daemon.cluster.messages import AgentSetup
from heygem_daemon.cluster.nodes import AgentHandle, ClusterNode, NodeSilent
from heygem_daemon.cluster.start import link_setup
from heygem_daemon.config.settings import Settings
from tests.fakes.cluster import FACTS, FakeCluster

PATIENCE = 10.0


def test_a_machine_that_waits_for_its_own_name_has_its_own_spool() -> None:
    # Ray believes for some seconds that a machine lives that was started again.
    setups: list[AgentSetup] = []

    class Twice(FakeCluster):
        def nodes(self) -> list[ClusterNode]:
            return [ClusterNode(each, "anna") for each in ("before", "now")]

        def start_agent(self, node: ClusterNode, setup: str) -> AgentHandle:
            setups.append(AgentSetup.model_validate_json(setup))
            raise NodeSilent("it is starting")

    settings = Settings.model_validate({"cluster": "auto", "cluster_paths": {"anna": "/there"}})
    link = ClusterLink(link_setup(settings), Twice(()), FACTS, lambda _message: None)
    link.look()
    deadline = time.monotonic() + PATIENCE
    while len(setups) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    link.close()
    assert sorted(each.node for each in setups) == ["anna", "anna-now"]
    assert {each.spool for each in setups} == {"/there"}
