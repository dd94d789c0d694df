"""An agent: the workers of one node. It decides nothing about jobs, and publishes nothing.

It runs the same pool of workers as the daemon does on its own machine, and knows nothing of Ray,
which calls it from threads of its own.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from heygem_daemon.cluster.facts import gather_facts
from heygem_daemon.cluster.messages import (
    ORDER,
    AgentEvent,
    AgentSetup,
    HaltAll,
    KillJob,
    NodeReport,
    Order,
    PauseJob,
    Retire,
    Submit,
)
from heygem_daemon.cluster.nodes import FACTS_SECONDS
from heygem_daemon.cluster.paths import message_here, render_there
from heygem_daemon.cluster.readings import NodeReader
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.protocol import Deferred
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.installation import shipped_weights
from heygem_daemon.worker.pool import WORKER_COMMAND, WorkerLimits, WorkerPool

ROUND_SECONDS = 0.2
"""Between two looks at the workers where nothing happens."""
FENCE_SECONDS = 10.0
"""An agent that nobody has asked for a report for so long ends itself and its workers: the daemon
has given their jobs to others."""


def end_process() -> None:
    """End this process at once; the kernel ends its workers."""
    os._exit(1)


class Agent:
    """Workers of this node; made, ordered and asked by the link.

    The methods may be called from any thread. One thread, which lives as long as the agent, uses
    the pool: the kernel kills a worker with the thread that started it.
    """

    def __init__(
        self,
        setup: str,
        command: Sequence[str] = WORKER_COMMAND,
        end: Callable[[], None] = end_process,
    ) -> None:
        """``setup``: an ``AgentSetup`` as JSON. ``end`` ends the process."""
        self._setup = AgentSetup.model_validate_json(setup)
        self._end = end
        self._lock = threading.Condition()
        """Held while what follows is used; notified when an event or a new order has come."""
        self._orders: deque[Order] = deque()
        self._events: list[AgentEvent] = []
        self._workers: tuple[WorkerOccupancy, ...] = ()
        self._done = 0
        self._asked_at = time.monotonic()
        self._closing = False
        self._reader = NodeReader(self._setup)
        self._pool = self._make_pool(command)
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)
        self._thread.start()

    def facts(self) -> str:
        """Return the ``NodeFacts`` of this node as JSON."""
        # While it reads all weights nobody asks it anything.
        self._note_question(FACTS_SECONDS)
        spool, checkpoints = Path(self._setup.spool), Path(self._setup.checkpoints)
        facts = gather_facts(spool, checkpoints).model_dump_json()
        self._note_question()
        return facts

    def order(self, order: str) -> None:
        """Carry out an ``Order``, given as JSON, soon."""
        with self._lock:
            self._orders.append(ORDER.validate_json(order))
            self._lock.notify_all()

    def report(self, wait_seconds: float) -> str:
        """Return a ``NodeReport`` as JSON, when there are events, or after ``wait_seconds``."""
        self._note_question()
        with self._lock:
            self._lock.wait_for(lambda: self._events or self._closing, wait_seconds)
        # These read the share, which may hang: the lock would keep the fence from its work.
        gpus, cpu = self._reader.gpus(), self._reader.cpu()
        with self._lock:
            events, self._events = tuple(self._events), []
            report = NodeReport(
                orders=self._done, workers=self._workers, events=events, gpus=gpus, cpu=cpu
            )
        self._note_question()
        return report.model_dump_json()

    def close(self) -> None:
        """End all workers. The agent is of no use any more."""
        with self._lock:
            self._closing = True
            self._lock.notify_all()
        self._thread.join()

    def _make_pool(self, command: Sequence[str]) -> WorkerPool:
        setup, spool = self._setup, Spool(Path(self._setup.spool))
        return WorkerPool(
            setup.engine,
            shipped_weights(),
            spool.cache,
            limits=WorkerLimits(
                threads=setup.threads,
                nice=setup.nice,
                io_priority=setup.io_priority,
                checkpoints=Path(setup.checkpoints),
                folder=spool.processing if setup.confine else None,
            ),
            stall_limits=setup.stall_limits,
            on_event=self._wake,
            command=command,
        )

    def _note_question(self, grace_seconds: float = 0.0) -> None:
        """Note that somebody asks. ``grace_seconds``: how much later the next question may come."""
        with self._lock:
            self._asked_at = time.monotonic() + grace_seconds

    def _wake(self) -> None:
        with self._lock:
            self._lock.notify_all()

    def _run(self) -> None:
        try:
            while self._round():
                pass
        finally:
            self._pool.close(0.0)
            self._reader.close()
            if not self._closing:  # A bug: an agent without workers must not go on to answer.
                self._end()

    def _round(self) -> bool:
        """Carry out orders and collect events; return whether to go on."""
        orders = self._take_orders()
        failed = [event for order in orders for event in self._carry_out(order)]
        events = [self._event_here(AgentEvent.of(each)) for each in self._pool.poll()]
        with self._lock:
            self._done += len(orders)
            self._workers = self._pool.occupancies()
            self._events += [*failed, *events]
            if failed or events:
                self._lock.notify_all()
            if time.monotonic() - self._asked_at > FENCE_SECONDS:
                self._closing = True
                self._end()
            return not self._closing

    def _take_orders(self) -> list[Order]:
        with self._lock:
            if not (self._orders or self._closing):
                self._lock.wait(ROUND_SECONDS)
            orders = list(self._orders)
            self._orders.clear()
            return orders

    def _carry_out(self, order: Order) -> list[AgentEvent]:
        """Pass an order to the pool; return the event of a job that could not be started."""
        pool = self._pool
        if isinstance(order, Submit):
            return self._submit(order)
        if isinstance(order, Retire):
            pool.retire(order.worker_number)
        elif isinstance(order, PauseJob):
            pool.pause(order.job_id)
        elif isinstance(order, KillJob):
            pool.kill(order.job_id, order.reason)
        elif isinstance(order, HaltAll):
            pool.halt()
        return []

    def _submit(self, order: Submit) -> list[AgentEvent]:
        render = render_there(order.render, self._setup.head_spool, self._setup.spool)
        try:
            self._pool.submit(order.device, render, order.need_bytes)
        except OSError as error:
            reason = f"no worker could be started: {error}"
            deferred = Deferred(job_id=render.job_id, reason=reason)
            return [
                AgentEvent(
                    device=order.device, message=deferred, worker_number=0, job_id=render.job_id
                )
            ]
        return []

    def _event_here(self, event: AgentEvent) -> AgentEvent:
        """Return an event with the paths of the daemon's machine."""
        if event.message is None:
            return event
        message = message_here(event.message, self._setup.spool, self._setup.head_spool)
        return event.model_copy(update={"message": message})
