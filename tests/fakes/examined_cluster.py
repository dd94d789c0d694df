"""A cluster for the doctor without Ray: each node answers as a test says."""

import time
from dataclasses import dataclass, field

from heygem_daemon.cluster.nodes import ClusterNode, NodeSilent


@dataclass
class FakeExaminer:
    """A node with a clock. One whose share hangs answers nothing else."""

    kind: type
    setup: str
    ahead: float = 0.0
    hangs: bool = False
    killed: bool = False

    def ask(self, method: str, arguments: tuple[object, ...], seconds: float) -> str:
        if method == "clock":
            return repr(time.time() + self.ahead)
        if self.hangs:
            raise NodeSilent(f"it has not answered for {seconds:g} s")
        return str(getattr(self.kind(self.setup), method)(*arguments))

    def kill(self) -> None:
        self.killed = True


@dataclass
class FakeExaminedCluster:
    """Nodes by name; one that is gone cannot be started on."""

    ahead: dict[str, float]
    hanging: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    examiners: dict[str, FakeExaminer] = field(default_factory=dict)

    def nodes(self) -> list[ClusterNode]:
        return [ClusterNode(f"id of {name}", name) for name in self.ahead]

    def start(self, node: ClusterNode, kind: type, setup: str) -> FakeExaminer:
        if node.name in self.gone:
            raise NodeSilent("the node died")
        examiner = FakeExaminer(kind, setup, self.ahead[node.name], node.name in self.hanging)
        self.examiners[node.name] = examiner
        return examiner
