"""``python -m heygem_daemon.doctor.cluster_probe QUESTION``: asks every node of a cluster.

It is a child process of the doctor, because Ray may hang. All nodes are asked at the same time.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from heygem_daemon.cluster.facts import gather_facts
from heygem_daemon.cluster.link import plain_name
from heygem_daemon.cluster.nodes import ClusterNode, NodeSilent
from heygem_daemon.doctor.cluster_answers import (
    ClusterAnswer,
    ClusterQuestion,
    NodeAnswer,
    NodeFindings,
)
from heygem_daemon.doctor.node_examiner import NodeExaminer

START_SECONDS = 30.0
"""How long a process on a node may take to start: it imports the program."""
CLOCK_SECONDS = 5.0
MAX_NODES = 64
"""How many nodes are asked at the same time."""


class Examiner(Protocol):
    """A ``NodeExaminer`` on a node."""

    def ask(self, method: str, arguments: tuple[object, ...], seconds: float) -> str:
        """Call a method. Raises NodeSilent where there is no answer within ``seconds``."""

    def kill(self) -> None:
        """End it, if it can be reached; never waits."""


class ExaminedCluster(Protocol):
    """The machines of a cluster; see ``cluster.ray_cluster``."""

    def nodes(self) -> list[ClusterNode]:
        """Return the machines that live, without this one. Raises NodeSilent."""

    def start(self, node: ClusterNode, kind: type, setup: str) -> Examiner:
        """Start an object of ``kind`` on a node; never waits. Raises NodeSilent."""


def ask_nodes(question: ClusterQuestion, cluster: ExaminedCluster) -> tuple[NodeAnswer, ...]:
    """Return what every node answers, by name. Raises NodeSilent."""
    nodes = cluster.nodes()
    with ThreadPoolExecutor(max_workers=MAX_NODES) as threads:
        answers = threads.map(lambda node: _ask(question, cluster, node), nodes)
        return tuple(sorted(answers, key=lambda each: each.node))


def _ask(question: ClusterQuestion, cluster: ExaminedCluster, node: ClusterNode) -> NodeAnswer:
    name = plain_name(node.name)
    agents = question.setup.agents
    path = question.setup.paths.get(name, agents.head_spool)
    setup = agents.model_copy(update={"node": name, "spool": path})
    answer = NodeAnswer(node=name)
    examiner: Examiner | None = None
    try:
        examiner = cluster.start(node, NodeExaminer, setup.model_dump_json())
        examiner.ask("clock", (), START_SECONDS)
        answer = answer.model_copy(update=_compare_clocks(examiner))
        found = examiner.ask("examine", (question.measure,), question.seconds)
        return answer.model_copy(update={"findings": NodeFindings.model_validate_json(found)})
    except NodeSilent as error:
        return answer.model_copy(update={"silent": str(error)})
    finally:
        if examiner is not None:
            with suppress(NodeSilent):
                examiner.kill()


def _compare_clocks(examiner: Examiner) -> dict[str, float]:
    """Compare the clock there with the middle of the time that its answer took."""
    began = time.time()
    there = float(examiner.ask("clock", (), CLOCK_SECONDS))
    half = (time.time() - began) / 2
    return {"ahead_seconds": there - began - half, "doubt_seconds": half}


def main() -> None:
    """Entry point."""
    question = ClusterQuestion.model_validate_json(sys.argv[1])
    agents = question.setup.agents
    owner = gather_facts(Path(agents.head_spool), Path(agents.checkpoints))
    try:
        from heygem_daemon.cluster.ray_cluster import RayCluster  # noqa: PLC0415 - an extra

        nodes = ask_nodes(question, RayCluster(question.setup.address))
        answer = ClusterAnswer(owner=owner, nodes=nodes)
    except NodeSilent as error:
        answer = ClusterAnswer(owner=owner, problem=str(error))
    print(answer.model_dump_json(), flush=True)  # noqa: T201
    os._exit(0)  # without the shutdown of Ray, which may wait for nodes


if __name__ == "__main__":
    main()
