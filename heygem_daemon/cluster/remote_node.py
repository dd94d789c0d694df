"""The daemon's record of one node: its last report, and the orders since."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from heygem_daemon.cluster.messages import NodeReport, Submit
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.protocol import Assisted, Deferred, Halted
from heygem_daemon.worker.executor import WorkerEvent, is_final
from heygem_daemon.worker.handle import JOB_OUTCOMES


@dataclass(slots=True)
class RemoteNode:
    """A node with an agent."""

    name: str
    report: NodeReport
    """The last one."""
    numbers: Iterator[int]
    """Numbers for workers, unique among those of all nodes."""
    jobs: dict[str, DeviceChoice] = field(default_factory=dict)
    """Where each of its jobs runs, by the job's id; also what assistants draw of others' jobs."""
    _assisting: set[str] = field(default_factory=set)
    """Those of assistants."""
    _orders: Iterator[int] = field(default_factory=lambda: count(1))
    _submitted: dict[int, Submit] = field(default_factory=dict)
    """The jobs that it has not reported to have begun, by the number of the order."""
    _known: dict[int, int] = field(default_factory=dict)
    """The daemon's number of each worker, by the agent's own."""
    _devices: dict[int, DeviceChoice] = field(default_factory=dict)
    """Where each worker is, by the daemon's number."""

    def note_order(self, submit: Submit | None = None) -> None:
        """Count an order, which may start a job."""
        number = next(self._orders)
        if submit is not None:
            self.jobs[submit.render.job_id] = submit.device
            if submit.render.assistant:
                self._assisting.add(submit.render.job_id)
            self._submitted[number] = submit

    def count_own_jobs(self) -> int:
        """Return how many jobs must start elsewhere if it is lost."""
        return len(self.jobs.keys() - self._assisting)

    def take(self, report: NodeReport) -> list[WorkerEvent]:
        """Take a report into account; return the events in it for the service."""
        self.report = report
        self._submitted = {
            number: each for number, each in self._submitted.items() if number > report.orders
        }
        events = (each.event(self._number(each.worker_number)) for each in report.events)
        return [self._handle(each) for each in events]

    def occupancies(self) -> tuple[WorkerOccupancy, ...]:
        """Return what its workers hold, as it will be when the last orders are carried out."""
        workers = [
            replace(each, worker_number=self._number(each.worker_number))
            for each in self.report.workers
        ]
        for submit in self._submitted.values():
            _occupy(workers, submit, self.numbers)
        return tuple(workers)

    def agents_number(self, worker_number: int) -> int | None:
        """Return the agent's number of a worker; None: it is not one of this node."""
        found = (own for own, known in self._known.items() if known == worker_number)
        return next(found, None)

    def end(self, reason: str) -> list[WorkerEvent]:
        """Return the last events of a node that is lost: its jobs go elsewhere, without the loss of
        an attempt, and its workers are gone. ``reason``: a clause."""
        ended = [WorkerEvent(device, Halted(), number) for number, device in self._devices.items()]
        text = f"the node {self.name} is lost: {reason}"
        lost = [
            WorkerEvent(
                device,
                Deferred(job_id=job_id, reason=text, of_device=True, of_node=True),
                next(self.numbers),
                job_id,
            )
            for job_id, device in self.jobs.items()
        ]
        self.jobs = {}
        return [*ended, *lost]

    def _number(self, own: int) -> int:
        if own not in self._known:
            self._known[own] = next(self.numbers)
        return self._known[own]

    def _handle(self, event: WorkerEvent) -> WorkerEvent:
        if event.job_id is not None and (
            is_final(event.message) or isinstance(event.message, (*JOB_OUTCOMES, Assisted))
        ):
            self.jobs.pop(event.job_id, None)
            self._assisting.discard(event.job_id)
        self._devices[event.worker_number] = event.device
        if is_final(event.message):
            del self._devices[event.worker_number]
        return event


def _occupy(workers: list[WorkerOccupancy], submit: Submit, numbers: Iterator[int]) -> None:
    """Count a job that was submitted: in an idle worker of its place, or in a new one."""
    device, need = submit.device, submit.need_bytes
    for index, each in enumerate(workers):
        if each.idle and each.place == device.place:
            workers[index] = replace(each, idle=False, committed_bytes=need, idle_seconds=0.0)
            return
    workers.append(
        WorkerOccupancy(
            device.uuid,
            next(numbers),
            idle=False,
            committed_bytes=need,
            slot=device.slot,
            node=device.node,
        )
    )
