"""How much longer a job takes through Ray than in the pool of the daemon's own machine.

Run ``python -m tests.cluster.overhead``. The workers are real processes that render nothing, so
what is left is the way to them and back: the link, Ray, the agent.
"""

import functools
import os
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from heygem_daemon.cluster.agent import Agent
from heygem_daemon.cluster.executor import ClusterExecutor
from heygem_daemon.cluster.link_process import LinkProcess
from heygem_daemon.cluster.start import link_setup
from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.placement import CPU, DeviceChoice
from heygem_daemon.protocol import Render, Rendered
from heygem_daemon.spool.spool import Spool
from heygem_daemon.worker.pool import WorkerPool
from tests.cluster.machines import Machines

ROOT = Path(__file__).resolve().parents[2]
FAKE = (sys.executable, str(ROOT / "tests" / "worker" / "fake_worker.py"))
JOBS = 50
PATIENCE = 120.0
LINK = (
    sys.executable,
    "-c",
    (
        "from heygem_daemon.cluster import link, ray_cluster; from tests.cluster import overhead;"
        "ray_cluster.NodeAgent = overhead.IdleAgent; link.main()"
    ),
)


class IdleAgent(Agent):
    """An agent whose workers render nothing."""

    def __init__(self, setup: str) -> None:
        super().__init__(setup, FAKE)


class Stopwatch:
    """Submits jobs one after the other."""

    def __init__(self, spool: Path, address: str) -> None:
        settings = Settings(spool=spool, device="cpu", confine="off", cluster=address)
        self._woken = threading.Event()
        pool = WorkerPool("builtin", spool, spool, on_event=self._woken.set, command=FAKE)
        self.executor = ClusterExecutor(
            pool,
            link_setup(settings),
            on_event=self._woken.set,
            start_link=functools.partial(LinkProcess, command=LINK),
        )

    def wait_for_node(self) -> DeviceChoice:
        deadline = time.monotonic() + PATIENCE
        while not self.executor.cpus():
            if time.monotonic() > deadline:
                raise TimeoutError("no node joined")
            self._next()
        return replace(CPU, node=self.executor.cpus()[0].node)

    def median(self, device: DeviceChoice) -> float:
        """Return the median seconds of a job on ``device``, in a worker that is loaded."""
        self._render(device, "first")
        return statistics.median(self._render(device, str(each)) for each in range(JOBS))

    def _render(self, device: DeviceChoice, job: str) -> float:
        began = time.monotonic()
        self.executor.submit(device, Render(job_id=job, audio="a", video="v", workspace="w"))
        while not self._next(job):
            pass
        return time.monotonic() - began

    def _next(self, job: str = "") -> bool:
        self._woken.wait(0.5)
        self._woken.clear()
        events = self.executor.poll()
        return any(isinstance(each.message, Rendered) and each.job_id == job for each in events)


def main() -> None:
    """Print the medians and their difference."""
    os.environ["PYTHONPATH"] = str(ROOT)  # Ray's processes import this module
    machines = Machines()
    os.environ |= machines.environment
    try:
        machines.add("anna")
        with tempfile.TemporaryDirectory() as folder:
            spool = Spool(Path(folder))
            spool.prepare()
            stopwatch = Stopwatch(spool.root, machines.address)
            node = stopwatch.wait_for_node()
            here, there = stopwatch.median(CPU), stopwatch.median(node)
            print(f"here {here * 1000:.1f} ms, on a node {there * 1000:.1f} ms, {JOBS} jobs each")  # noqa: T201
            print(f"overhead {(there - here) * 1000:.1f} ms")  # noqa: T201
            stopwatch.executor.close(5.0)
    finally:
        machines.close()


if __name__ == "__main__":
    main()
