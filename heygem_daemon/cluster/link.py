"""The link: a child process of the daemon that starts agents on the nodes and follows them.

The daemon itself knows nothing of Ray. When Ray ends or hangs, this process does, and the daemon
goes on with its own workers and starts another link.
"""

import os
import re
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

from heygem_daemon.cluster.facts import find_difference, gather_facts
from heygem_daemon.cluster.messages import (
    AgentOrder,
    LinkSetup,
    LinkState,
    NodeFacts,
    NodeJoined,
    NodeLost,
    NodeRefused,
    NodeReport,
    NodeReported,
)
from heygem_daemon.cluster.nodes import AgentHandle, Cluster, ClusterNode, NodeSilent
from heygem_daemon.protocol import Message
from heygem_daemon.system.installation import find_installation
from heygem_daemon.worker.wire import MessageSender, die_with_parent, isolate_stdio

LOOK_SECONDS = 2.0
"""Between two looks at which nodes there are."""
STATE_SECONDS = 1.0
WAIT_SECONDS = 1.0
"""How long an agent waits for events before it reports that there are none."""
SILENT_SECONDS = 6.0
"""An agent that does not report for so long is lost. It ends itself later, after
``agent.FENCE_SECONDS``; until then its workspace fences it off."""
FACTS_SECONDS = 120.0
"""How long an agent may take to start and to read all weights."""
AGAIN_SECONDS = 10.0
"""Until a node that was lost or refused is tried again."""


MAX_NAME = 60


class ClusterLink:
    """Agents on all nodes of a cluster. A thread for each node asks its agent for reports."""

    def __init__(
        self,
        setup: LinkSetup,
        cluster: Cluster,
        owner: NodeFacts,
        send: Callable[[Message], None],
        again_seconds: float = AGAIN_SECONDS,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        """``owner``: the facts of the daemon's machine; ``send`` sends to the daemon."""
        self._setup = setup
        self._cluster = cluster
        self._owner = owner
        self._send = send
        self._again_seconds = again_seconds
        self._silent_seconds = silent_seconds
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        """The nodes that have a thread: their names, by id."""
        self._agents: dict[int, AgentHandle] = {}
        self._closed = threading.Event()

    def look(self) -> None:
        """Start an agent on each node that is new. Raises NodeSilent."""
        for node in self._cluster.nodes():
            with self._lock:
                if node.id in self._names:
                    continue
                name = plain_name(node.name)
                if name in self._names.values():  # two nodes of one name would be one place
                    name = f"{name}-{node.id[:6]}"
                self._names[node.id] = name
            named = ClusterNode(node.id, name)
            threading.Thread(target=self._serve, args=(named,), name=name, daemon=True).start()

    def give(self, order: AgentOrder) -> None:
        """Pass an order to its agent; one that is gone gets none."""
        with self._lock:
            agent = self._agents.get(order.agent)
        if agent is not None:
            with suppress(NodeSilent):  # its reports end too
                agent.order(order.order.model_dump_json())

    def close(self) -> None:
        """End all agents that can be reached."""
        self._closed.set()
        with self._lock:
            agents = list(self._agents.values())
        for agent in agents:
            with suppress(NodeSilent):
                agent.kill()

    def _serve(self, node: ClusterNode) -> None:
        """Start an agent on a node and follow it until it is lost."""
        agent: AgentHandle | None = None
        try:
            agent = self._cluster.start_agent(node, self._agent_setup(node).model_dump_json())
            difference = find_difference(
                self._owner, NodeFacts.model_validate_json(agent.facts(FACTS_SECONDS))
            )
            if difference is None:
                self._follow(node, agent)
            else:
                self._send(NodeRefused(node=node.name, reason=difference))
        except NodeSilent as error:
            self._send(NodeRefused(node=node.name, reason=str(error)))
        finally:
            if agent is not None:
                with suppress(NodeSilent):
                    agent.kill()
            self._closed.wait(self._again_seconds)
            with self._lock:
                del self._names[node.id]

    def _follow(self, node: ClusterNode, agent: AgentHandle) -> None:
        """Pass on what an agent reports, until it is silent. Raises NodeSilent where it is from the
        beginning."""
        report = self._ask(agent)
        number = next(self._numbers)
        with self._lock:
            self._agents[number] = agent
        self._send(NodeJoined(agent=number, node=node.name, report=report))
        try:
            while not self._closed.is_set():
                self._send(NodeReported(agent=number, report=self._ask(agent)))
        except NodeSilent as error:
            self._send(NodeLost(agent=number, reason=str(error)))
        finally:
            with self._lock:
                del self._agents[number]

    def _ask(self, agent: AgentHandle) -> NodeReport:
        return NodeReport.model_validate_json(agent.report(WAIT_SECONDS, self._silent_seconds))

    def _agent_setup(self, node: ClusterNode) -> Message:
        setup = self._setup.agents
        path = self._setup.paths.get(node.name, setup.head_spool)
        return setup.model_copy(update={"node": node.name, "spool": path})


def plain_name(name: str) -> str:
    """Return a node's name as it is kept in journals and labels: Ray takes any."""
    return re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)[:MAX_NAME].strip(".") or "node"


def main() -> None:
    """Serve the daemon at the other end of stdin and stdout."""
    die_with_parent()
    incoming, outgoing = isolate_stdio()
    send = MessageSender(outgoing)
    setup = LinkSetup.model_validate_json(incoming.readline())
    fault: list[str | None] = [None]
    threading.Thread(target=_report_state, args=(send, fault), daemon=True).start()
    agents = setup.agents
    owner = gather_facts(Path(agents.head_spool), Path(agents.checkpoints))
    try:
        from heygem_daemon.cluster.ray_cluster import RayCluster  # noqa: PLC0415 - an extra

        link = ClusterLink(setup, RayCluster(setup.address), owner, send)
    except ImportError as error:
        sys.exit(f"Ray is not installed ({error}); {find_installation().add_extra('cluster')}")
    except NodeSilent as error:
        sys.exit(str(error))
    threading.Thread(target=_keep_looking, args=(link, fault), daemon=True).start()
    for line in incoming:
        link.give(AgentOrder.model_validate_json(line))
    link.close()
    os._exit(0)  # without the shutdown of Ray, which may wait for nodes


def _report_state(send: Callable[[Message], None], fault: list[str | None]) -> None:
    while True:
        send(LinkState(fault=fault[0]))
        time.sleep(STATE_SECONDS)


def _keep_looking(link: ClusterLink, fault: list[str | None]) -> None:
    while True:
        try:
            link.look()
            fault[0] = ""
        except NodeSilent as error:
            fault[0] = str(error)
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
