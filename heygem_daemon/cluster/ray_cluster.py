"""The cluster of Ray. The only module that imports Ray; only the link imports it.

Agents are actors that take none of Ray's CPUs and GPUs: Ray counts GPUs by number, the daemon by
UUID and free memory (ray-project/ray#52915, #44821, #66199). They live as long as the link.
"""

import logging
import os
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from heygem_daemon.cluster.agent import Agent
from heygem_daemon.cluster.nodes import AgentHandle, ClusterNode, NodeSilent

NAMESPACE = "heygem-daemon"
ORDERS = "orders"
REFUSED = ray.exceptions.AuthenticationError.__name__
CALLS_AT_ONCE = 4
"""Of one agent: a report waits for events while orders come."""


class NodeAgent(Agent):
    """An agent in a process of Ray."""

    def __init__(self, setup: str) -> None:
        # Ray sets it to one for what takes none of its CPUs; the workers would compute with that.
        os.environ.pop("OMP_NUM_THREADS", None)
        super().__init__(setup)

    @ray.method(concurrency_group=ORDERS)  # type: ignore[untyped-decorator]
    def order(self, order: str) -> None:
        """Carry out an ``Order``, given as JSON, soon: one call after the other, as they came."""
        super().order(order)


class RayCluster:
    """The cluster at an address; see ``nodes.Cluster``."""

    def __init__(self, address: str) -> None:
        """Connect to ``address``; 'auto': the one of this machine. Raises NodeSilent."""
        try:
            ray.init(
                address=address,
                namespace=NAMESPACE,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False if address == "local" else None,
            )
            self._here = ray.get_runtime_context().get_node_id()
        except Exception as error:
            raise NodeSilent(_reason(error)) from error

    def nodes(self) -> list[ClusterNode]:
        """Return the machines that live, without this one. Raises NodeSilent."""
        try:
            found = [each for each in ray.nodes() if each["Alive"]]
        except Exception as error:
            raise NodeSilent(_reason(error)) from error
        others = [each for each in found if each["NodeID"] != self._here]
        return [ClusterNode(each["NodeID"], _name(each)) for each in others]

    def start_agent(self, node: ClusterNode, setup: str) -> AgentHandle:
        """Start an agent on a node; never waits. Raises NodeSilent."""
        return self._start(node, ray.remote(concurrency_groups={ORDERS: 1})(NodeAgent), setup)

    def start(self, node: ClusterNode, kind: type, setup: str) -> "RayActor":
        """Start an object of ``kind`` on a node; never waits. Raises NodeSilent."""
        return self._start(node, ray.remote(kind), setup)

    def _start(self, node: ClusterNode, actor: Any, setup: str) -> "RayActor":
        where = NodeAffinitySchedulingStrategy(node.id, soft=False)
        try:
            options = actor.options(
                num_cpus=0,
                num_gpus=0,
                max_restarts=0,
                max_task_retries=0,
                max_concurrency=CALLS_AT_ONCE,
                scheduling_strategy=where,
            )
            return RayActor(options.remote(setup))
        except Exception as error:
            raise NodeSilent(_reason(error)) from error


class RayActor:
    """An object on a node. One that is an agent is a ``nodes.AgentHandle``."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def facts(self, seconds: float) -> str:
        return self.ask("facts", (), seconds)

    def order(self, order: str) -> None:
        try:
            self._actor.order.remote(order)
        except Exception as error:
            raise NodeSilent(_reason(error)) from error

    def report(self, wait_seconds: float, seconds: float) -> str:
        return self.ask("report", (wait_seconds,), seconds)

    def kill(self) -> None:
        try:
            ray.kill(self._actor)
        except Exception as error:
            raise NodeSilent(_reason(error)) from error

    def ask(self, method: str, arguments: tuple[object, ...], seconds: float) -> str:
        """Call a method. Raises NodeSilent where there is no answer within ``seconds``."""
        try:
            call = getattr(self._actor, method).remote(*arguments)
            return str(ray.get(call, timeout=seconds))
        except ray.exceptions.GetTimeoutError as error:
            raise NodeSilent(f"it has not answered for {seconds:g} s") from error
        except Exception as error:
            raise NodeSilent(_reason(error)) from error


def _name(node: dict[str, Any]) -> str:
    """Return the name that ``ray start --node-name`` gave, or the host's."""
    name, address = str(node.get("NodeName") or ""), node.get("NodeManagerAddress")
    return name if name and name != address else str(node.get("NodeManagerHostname") or address)


def _reason(error: BaseException) -> str:
    """Return why a call of Ray failed, as a clause. What follows the first line is a trace."""
    cause: BaseException | None = error
    while cause is not None:
        # Where it comes from a thread of Ray, only its name is left, in the text of another one.
        if type(cause).__name__ == REFUSED or REFUSED in str(cause):
            return (
                "the token of this machine is missing or is not that of the head: see RAY_AUTH_MODE"
                " and RAY_AUTH_TOKEN_PATH"
            )
        cause = cause.__cause__
    lines = str(error).strip().splitlines()
    name = type(error).__name__
    return f"{name}: {lines[0].removesuffix('.')}" if lines else name
