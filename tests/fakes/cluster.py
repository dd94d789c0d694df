"""A cluster without Ray: its agents are in this process, with workers that are real processes."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from heygem_daemon.cluster.agent import Agent
from heygem_daemon.cluster.link import ClusterLink
from heygem_daemon.cluster.link_process import LinkEnded
from heygem_daemon.cluster.messages import AgentOrder, FromLink, LinkSetup, NodeFacts
from heygem_daemon.cluster.nodes import AgentHandle, ClusterNode, NodeSilent
from heygem_daemon.protocol import Message

FACTS = NodeFacts(version="1", weights="w", spool="s")


@dataclass
class FakeAgent:
    """An agent in this process. While it is cut off, nobody can reach it, and it works on."""

    agent: Agent
    facts_there: NodeFacts
    cut_off: threading.Event = field(default_factory=threading.Event)
    orders: list[str] = field(default_factory=list)

    def facts(self, seconds: float) -> str:
        self._require()
        return self.facts_there.model_dump_json()

    def order(self, order: str) -> None:
        self._require()
        self.orders.append(order)
        self.agent.order(order)

    def report(self, wait_seconds: float, seconds: float) -> str:
        self._require()
        report = self.agent.report(0.1)
        self._require()
        return report

    def kill(self) -> None:
        self._require()
        self.agent.close()

    def _require(self) -> None:
        if self.cut_off.is_set():
            raise NodeSilent("it has not answered for 6 s")
        if self.agent._closing:  # its process has ended, and answers nobody
            raise NodeSilent("it has ended")


@dataclass
class FakeCluster:
    """Nodes that come and go as a test says."""

    command: Sequence[str]
    facts: dict[str, NodeFacts] = field(default_factory=dict)
    """Those of nodes that differ."""
    names: list[str] = field(default_factory=list)
    agents: list[FakeAgent] = field(default_factory=list)

    def nodes(self) -> list[ClusterNode]:
        return [ClusterNode(f"id of {name}", name) for name in self.names]

    def start_agent(self, node: ClusterNode, setup: str) -> AgentHandle:
        agent = FakeAgent(
            Agent(setup, self.command, end=lambda: None), self.facts.get(node.name, FACTS)
        )
        self.agents.append(agent)
        return agent

    def close(self) -> None:
        for each in self.agents:
            each.agent.close()


@dataclass
class FakeConnection:
    """A link in this process."""

    cluster: FakeCluster
    setup: LinkSetup
    on_message: Callable[[FromLink | LinkEnded], None]
    link: ClusterLink = field(init=False)

    def __post_init__(self) -> None:
        self.link = ClusterLink(self.setup, self.cluster, FACTS, self._send, again_seconds=0.2)
        self.link.look()

    def _send(self, message: Message) -> None:
        self.on_message(cast(FromLink, message))

    def send(self, order: AgentOrder) -> None:
        self.link.give(order)

    def kill(self) -> None:
        self.close()

    def close(self) -> None:
        with suppress(NodeSilent):
            self.link.close()
