"""What the link needs of a cluster, so that it need not know Ray."""

from dataclasses import dataclass
from typing import Protocol

FACTS_SECONDS = 120.0
"""How long an agent may take to start and to read all weights."""


class NodeSilent(Exception):
    """A node did not answer, or is gone. The message is a clause."""


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A machine of the cluster."""

    id: str
    name: str


class AgentHandle(Protocol):
    """An agent on a node. All calls but ``order`` and ``kill`` wait for it, and raise NodeSilent
    where it does not answer within ``seconds``."""

    def facts(self, seconds: float) -> str:
        """Return its ``NodeFacts`` as JSON."""

    def order(self, order: str) -> None:
        """Give it an order; never waits."""

    def report(self, wait_seconds: float, seconds: float) -> str:
        """Return its ``NodeReport`` as JSON; it waits ``wait_seconds`` for events."""

    def kill(self) -> None:
        """End it, if it can be reached; never waits."""


class Cluster(Protocol):
    """The machines that are there now."""

    def nodes(self) -> list[ClusterNode]:
        """Return the machines that live, without this one. Raises NodeSilent."""

    def start_agent(self, node: ClusterNode, setup: str) -> AgentHandle:
        """Start an agent with this ``AgentSetup`` on a node; never waits. Raises NodeSilent."""
