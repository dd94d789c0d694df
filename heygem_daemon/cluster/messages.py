"""What the daemon, the link and the agents say to each other: JSON, so that another version is
noticed before anything else is read. Paths only, never pictures.

The daemon speaks with the link (``cluster.link``), its child process, which speaks Ray; the link
speaks with an agent (``cluster.agent``) on each node.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from heygem_daemon.config.stall_limits import StallLimits
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.gpu.placement_request import NodeCpu
from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.protocol import FromWorker, Message, Render
from heygem_daemon.system.priority import IoPriority
from heygem_daemon.worker.executor import WorkerDied, WorkerEvent


class AgentSetup(Message):
    """What an agent works with. The daemon's settings count on every node."""

    node: str
    """The node's name."""
    head_spool: str
    """Path of the spool on the daemon's machine."""
    spool: str
    """Path of the spool on the node."""
    engine: str
    checkpoints: str
    """Folder of the user's checkpoints, on every node the same."""
    device: str = "auto"
    """The setting of that name: with 'cpu' no GPU is read."""
    cpu_workers: Literal["auto"] | int = "auto"
    threads: int = 0
    worker_memory_bytes: int = 0
    nice: int = 0
    io_priority: IoPriority = "normal"
    confine: bool = True
    stall_limits: StallLimits


class NodeFacts(Message):
    """What must be alike on all nodes. Extra fields are those of a newer version."""

    model_config = Message.model_config | {"extra": "ignore"}

    version: str
    weights: str
    """A hash of the shipped weights and the user's checkpoints."""
    spool: str
    """What the spool's sentinel holds: the same spool has the same."""
    fault: str = ""
    """Why the node cannot render, as a clause; '': it can."""


class Submit(Message):
    """Render a job."""

    kind: Literal["submit"] = "submit"
    device: DeviceChoice
    render: Render
    need_bytes: int = 0


class Retire(Message):
    """End an idle worker. The number is the agent's own."""

    kind: Literal["retire"] = "retire"
    worker_number: int


class PauseJob(Message):
    """Stop a job after the current chunk."""

    kind: Literal["pause"] = "pause"
    job_id: str


class KillJob(Message):
    """Kill the worker that has a job."""

    kind: Literal["kill"] = "kill"
    job_id: str
    reason: str


class HaltAll(Message):
    """Let all workers stop after their chunk and end."""

    kind: Literal["halt"] = "halt"


Order = Annotated[Submit | Retire | PauseJob | KillJob | HaltAll, Field(discriminator="kind")]
ORDER: TypeAdapter[Order] = TypeAdapter(Order)


class AgentEvent(Message):
    """What a worker of an agent sent, or its death; as ``worker.executor.WorkerEvent``."""

    device: DeviceChoice
    message: FromWorker | None = None
    died: WorkerDied | None = None
    """Set where ``message`` is None."""
    worker_number: int
    job_id: str | None = None

    @classmethod
    def of(cls, event: WorkerEvent) -> "AgentEvent":
        """Return a worker's event for the wire."""
        said = event.message
        return cls(
            device=event.device,
            message=None if isinstance(said, WorkerDied) else said,
            died=said if isinstance(said, WorkerDied) else None,
            worker_number=event.worker_number,
            job_id=event.job_id,
        )

    def event(self, worker_number: int) -> WorkerEvent:
        """Return it as an event of the worker that the daemon knows by ``worker_number``."""
        said = self.message or self.died or WorkerDied("ended", self.job_id)
        return WorkerEvent(self.device, said, worker_number, self.job_id)


class NodeReport(Message):
    """How a node is, and what happened there since the report before."""

    orders: int = 0
    """How many orders the agent has carried out."""
    workers: tuple[WorkerOccupancy, ...] = ()
    events: tuple[AgentEvent, ...] = ()
    gpus: tuple[GpuReading, ...] = ()
    """The GPUs that its torch can use."""
    cpu: NodeCpu | None = None


class LinkSetup(Message):
    """The daemon's first line to the link."""

    address: str
    """Of the Ray cluster; 'auto': the one that runs on this machine."""
    paths: Mapping[str, str] = Field(default_factory=dict)
    """Path of the spool on nodes where it is mounted elsewhere, by the node's name."""
    agents: AgentSetup
    """For all agents; the link fills in node and path."""


class AgentOrder(Message):
    """The daemon's order to one agent."""

    agent: int
    order: Order


class NodeJoined(Message):
    """An agent works. Its number is never used twice by the same link."""

    kind: Literal["joined"] = "joined"
    agent: int
    node: str
    report: NodeReport


class NodeRefused(Message):
    """A node gets no work."""

    kind: Literal["refused"] = "refused"
    node: str
    reason: str
    """A clause."""


class NodeReported(Message):
    """A report of an agent."""

    kind: Literal["reported"] = "reported"
    agent: int
    report: NodeReport


class NodeLost(Message):
    """An agent answers no more. Whatever it does from now on, it is not heard."""

    kind: Literal["lost"] = "lost"
    agent: int
    reason: str
    """A clause."""


class LinkState(Message):
    """The link lives."""

    kind: Literal["state"] = "state"
    fault: str | None = None
    """What keeps it from the cluster, as a clause; '': it is connected; None: not known yet."""


FromLink = Annotated[
    NodeJoined | NodeRefused | NodeReported | NodeLost | LinkState, Field(discriminator="kind")
]
FROM_LINK: TypeAdapter[FromLink] = TypeAdapter(FromLink)
