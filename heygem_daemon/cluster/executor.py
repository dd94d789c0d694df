"""The executor of a cluster: the pool of this machine, and the agents on the others."""

import queue
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from heygem_daemon.cluster.link_process import LinkConnection, LinkEnded, LinkProcess
from heygem_daemon.cluster.messages import (
    AgentOrder,
    FromLink,
    HaltAll,
    KillJob,
    LinkSetup,
    LinkState,
    NodeJoined,
    NodeLost,
    NodeRefused,
    NodeReported,
    Order,
    PauseJob,
    Retire,
    Submit,
)
from heygem_daemon.cluster.remote_node import RemoteNode
from heygem_daemon.events.cluster import ClusterAway, ClusterHere, NodeAway, NodeHere, NodeUnused
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.gpu.placement_request import NodeCpu
from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.protocol import Render
from heygem_daemon.worker.executor import WorkerEvent
from heygem_daemon.worker.pool import WorkerPool

SILENT_SECONDS = 10.0
"""A link that says nothing for so long is killed, and its nodes are lost."""
SHORTEST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
"""Between the end of a link and the start of the next one; it doubles with each in a row."""

FromProcess = FromLink | LinkEnded
StartLink = Callable[[LinkSetup, Callable[[FromProcess], None]], LinkConnection]


class ClusterExecutor:
    """Workers on this machine and on the nodes of a cluster; an ``Executor``.

    Its state changes only in calls from the daemon's loop. What happens to Ray or to a node never
    stops the workers of this machine.
    """

    def __init__(
        self,
        local: WorkerPool,
        setup: LinkSetup,
        *,
        on_event: Callable[[], None] = lambda: None,
        start_link: StartLink = LinkProcess,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_event`` is called from other threads whenever ``poll`` has something new."""
        self._local = local
        self._setup = setup
        self._numbers = count(-1, -1)
        """Of workers on nodes; those of this machine are above zero."""
        self._on_event = on_event
        self._start_link = start_link
        self._clock = clock
        self._link: LinkConnection | None = None
        self._nodes: dict[int, RemoteNode] = {}
        """By the link's number of the agent."""
        self._queue: queue.SimpleQueue[tuple[int, FromProcess]] = queue.SimpleQueue()
        """Messages, each with the number of its link."""
        self._links = 0
        self._pause = SHORTEST_PAUSE_SECONDS
        self._start_at = 0.0
        self._heard_at = 0.0
        self._said: dict[str, str] = {}
        """Why each node is not used, as logged; '' stands for the cluster."""
        self._events: list[WorkerEvent] = []
        self._closed = False

    def cpus(self) -> tuple[NodeCpu, ...]:
        """Return the CPUs of the nodes, as of the last ``poll``."""
        return tuple(each.report.cpu for each in self._nodes.values() if each.report.cpu)

    def gpus(self) -> tuple[GpuReading, ...]:
        """Return the GPUs of the nodes, as of the last ``poll``."""
        return tuple(gpu for each in self._nodes.values() for gpu in each.report.gpus)

    def occupancies(self) -> tuple[WorkerOccupancy, ...]:
        """Return what each of our own workers holds, as of the last ``poll``."""
        remote = (held for each in self._nodes.values() for held in each.occupancies())
        return (*self._local.occupancies(), *remote)

    def submit(self, device: DeviceChoice, render: Render, need_bytes: int = 0) -> None:
        """Render a job on ``device``. Raises OSError where no process can be started, or the node
        is gone."""
        if not device.node:
            self._local.submit(device, render, need_bytes)
            return
        for number, node in self._nodes.items():
            if node.name == device.node:
                self._give(number, Submit(device=device, render=render, need_bytes=need_bytes))
                return
        raise OSError(f"the node {device.node} is gone")

    def retire(self, worker_number: int) -> None:
        """Ask an idle worker to end."""
        self._local.retire(worker_number)
        for number, node in self._nodes.items():
            if (own := node.agents_number(worker_number)) is not None:
                self._give(number, Retire(worker_number=own))

    def pause(self, job_id: str) -> None:
        """Ask the worker that has this job to stop it after the current chunk."""
        self._local.pause(job_id)
        self._give_about(job_id, PauseJob(job_id=job_id))

    def kill(self, job_id: str, reason: str) -> None:
        """Kill the worker that has this job."""
        self._local.kill(job_id, reason)
        self._give_about(job_id, KillJob(job_id=job_id, reason=reason))

    def poll(self) -> list[WorkerEvent]:
        """Return the events since the last call, oldest first; never waits."""
        with suppress(queue.Empty):
            while True:
                self._handle(*self._queue.get_nowait())
        # After a long pause of the loop the link has been heard, but not listened to.
        self._keep_link()
        events, self._events = self._events, []
        return [*self._local.poll(), *events]

    def halt(self) -> None:
        """Ask all workers to stop after the current chunk."""
        self._local.halt()
        for number in self._nodes:
            self._give(number, HaltAll())

    def close(self, grace_seconds: float) -> None:
        """Halt, wait ``grace_seconds`` for the workers to exit, and end the rest."""
        deadline = time.monotonic() + grace_seconds
        self.halt()
        self._local.close(grace_seconds)
        while any(each.jobs for each in self._nodes.values()):
            try:
                message = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            self._handle(*message)
        self._closed = True
        if self._link is not None:
            self._link.close()
            self._end_link("the daemon stops")

    def _keep_link(self) -> None:
        """Start a link where there is none, and kill one that is silent."""
        now = self._clock()
        if self._link is None and not self._closed and now >= self._start_at:
            self._links += 1
            number = self._links
            try:
                self._link = self._start_link(
                    self._setup, lambda message: self._receive(number, message)
                )
                self._heard_at = now
            except OSError as error:
                self._end_link(f"no process could be started: {error.strerror or error}")
        elif self._link is not None and now - self._heard_at > SILENT_SECONDS:
            self._link.kill()
            self._end_link(f"its process was silent for {SILENT_SECONDS:g} s")

    def _receive(self, link: int, message: FromProcess) -> None:
        """Called by the reading thread."""
        self._queue.put((link, message))
        self._on_event()

    def _handle(self, link: int, message: FromProcess) -> None:
        if link != self._links or self._link is None:
            return  # of a link that was given up
        self._heard_at = self._clock()
        if isinstance(message, LinkEnded):
            self._end_link(message.reason)
        elif isinstance(message, LinkState):
            self._note_state(message)
        elif isinstance(message, NodeJoined):
            self._join(message)
        elif isinstance(message, NodeRefused):
            if self._is_new(message.node, message.reason):
                NodeUnused(message.node, message.reason).log()
        elif (node := self._nodes.get(message.agent)) is None:
            return
        elif isinstance(message, NodeReported):
            self._events += node.take(message.report)
        elif isinstance(message, NodeLost):
            self._lose(message.agent, message.reason)

    def _note_state(self, state: LinkState) -> None:
        if state.fault:
            if self._is_new("", state.fault):
                ClusterAway(self._setup.address, state.fault).log()
        elif state.fault is not None:
            self._pause = SHORTEST_PAUSE_SECONDS
            if self._said.pop("", None) is not None:
                ClusterHere(self._setup.address).log()

    def _join(self, message: NodeJoined) -> None:
        self._said.pop(message.node, None)
        node = RemoteNode(message.node, message.report, self._numbers)
        self._nodes[message.agent] = node
        slots = message.report.cpu.slots if message.report.cpu else 0
        NodeHere(node.name, len(message.report.gpus), slots).log()
        self._events += node.take(message.report)

    def _lose(self, agent: int, reason: str) -> None:
        node = self._nodes.pop(agent)
        if not self._closed:  # otherwise the daemon ends its jobs itself
            NodeAway(node.name, reason, node.count_own_jobs()).log()
            self._events += node.end(reason)

    def _end_link(self, reason: str) -> None:
        """Give up the link and all its nodes; the next one is started after a pause."""
        self._link = None
        self._start_at = self._clock() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        if not self._closed and self._is_new("", reason):
            ClusterAway(self._setup.address, reason).log()
        for agent in list(self._nodes):
            self._lose(agent, f"the connection to the cluster ended: {reason}")

    def _is_new(self, name: str, reason: str) -> bool:
        """Whether a reason was not logged yet."""
        is_new = self._said.get(name) != reason
        self._said[name] = reason
        return is_new

    def _give_about(self, job_id: str, order: Order) -> None:
        for number, node in self._nodes.items():
            if job_id in node.jobs:
                self._give(number, order)

    def _give(self, agent: int, order: Order) -> None:
        self._nodes[agent].note_order(order if isinstance(order, Submit) else None)
        if self._link is not None:
            self._link.send(AgentOrder(agent=agent, order=order))
