"""The link: a child process of the daemon that starts agents on the nodes and follows them.

The daemon itself knows nothing of Ray. When Ray ends or hangs, this process does, and the daemon
goes on with its own workers and starts another link.
"""

import math
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

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
from heygem_daemon.cluster.nodes import FACTS_SECONDS, AgentHandle, Cluster, ClusterNode, NodeSilent
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
AGAIN_SECONDS = 10.0
"""Until a node that was lost or refused is tried again."""
HANG_SECONDS = 60.0
"""Ray hangs where it has not said for so long which nodes there are."""

MAX_NAME = 60

T = TypeVar("T", bound=BaseModel)


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
        nodes = self._cluster.nodes()
        alive = {each.id for each in nodes}
        for node in nodes:
            with self._lock:
                if node.id in self._names:
                    continue
                name = plain_name(node.name)
                holders = {each for each in self._names if self._names[each] == name}
                if not holders <= alive:
                    continue  # The same machine, started again: it waits for its own name.
                if holders:  # two nodes of one name would be one place
                    name = f"{name}-{node.id[:6]}"
                self._names[node.id] = name
            named, path = ClusterNode(node.id, name), self._spool_on(plain_name(node.name))
            threading.Thread(target=self._serve, args=(named, path), name=name, daemon=True).start()

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

    def _serve(self, node: ClusterNode, path: str) -> None:
        """Start an agent on a node and follow it until it is lost. ``path``: of the spool there."""
        agent: AgentHandle | None = None
        try:
            agent = self._cluster.start_agent(node, self._agent_setup(node, path).model_dump_json())
            facts = _parse(NodeFacts, agent.facts(FACTS_SECONDS))
            difference = find_difference(self._owner, facts)
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
        return _parse(NodeReport, agent.report(WAIT_SECONDS, self._silent_seconds))

    def _spool_on(self, name: str) -> str:
        """Return the path of the spool on a node. ``name``: its own, which another may have too."""
        return self._setup.paths.get(name, self._setup.agents.head_spool)

    def _agent_setup(self, node: ClusterNode, path: str) -> Message:
        return self._setup.agents.model_copy(update={"node": node.name, "spool": path})


def _parse(model: type[T], text: str) -> T:
    """Return what an agent answers. Raises NodeSilent where it makes no sense."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise NodeSilent("its answer cannot be read") from error


def plain_name(name: str) -> str:
    """Return a node's name as it is kept in journals and labels: Ray takes any."""
    return re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)[:MAX_NAME].strip(".") or "node"


def main() -> None:
    """Serve the daemon at the other end of stdin and stdout."""
    die_with_parent()
    incoming, outgoing = isolate_stdio()
    send = MessageSender(outgoing)
    setup = LinkSetup.model_validate_json(incoming.readline())
    looks = _Looks()
    threading.Thread(target=_report_state, args=(send, looks), daemon=True).start()
    agents = setup.agents
    owner = gather_facts(Path(agents.head_spool), Path(agents.checkpoints))
    try:
        from heygem_daemon.cluster.ray_cluster import RayCluster  # noqa: PLC0415 - an extra

        looks.last_at = time.monotonic()
        link = ClusterLink(setup, RayCluster(setup.address), owner, send)
    except ImportError as error:
        sys.exit(f"Ray is not installed ({error}); {find_installation().add_extra('cluster')}")
    except NodeSilent as error:
        sys.exit(str(error))
    threading.Thread(target=_keep_looking, args=(link, looks), daemon=True).start()
    for line in incoming:
        link.give(AgentOrder.model_validate_json(line))
    link.close()
    os._exit(0)  # without the shutdown of Ray, which may wait for nodes


@dataclass
class _Looks:
    """What came of looking at the nodes."""

    fault: str | None = None
    """Why the last look failed; empty: it did not; None: there was none."""

    last_at: float = math.inf
    """When the last one ended, or the first began; monotonic."""


def _report_state(send: Callable[[Message], None], looks: _Looks) -> None:
    """Report to the daemon again and again. Ends the process where Ray hangs."""
    while time.monotonic() - looks.last_at < HANG_SECONDS:
        send(LinkState(fault=looks.fault))
        time.sleep(STATE_SECONDS)
    sys.stderr.write(f"Ray has not answered for {HANG_SECONDS:g} s\n")
    sys.stderr.flush()
    os._exit(1)


def _keep_looking(link: ClusterLink, looks: _Looks) -> None:
    while True:
        try:
            link.look()
            looks.fault = ""
        except Exception as error:  # noqa: BLE001 - the daemon logs it, and the next look may succeed
            looks.fault = str(error) or type(error).__name__
        looks.last_at = time.monotonic()
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
