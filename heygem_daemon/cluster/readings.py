"""What a node has for jobs: its GPUs, and the slots of its CPU."""

import time
from dataclasses import replace
from pathlib import Path

from heygem_daemon.cluster.messages import AgentSetup
from heygem_daemon.engines.checkpoints import weights_fingerprint
from heygem_daemon.gpu.cpu_slots import JobShare, count_slots, share_cores, share_memory
from heygem_daemon.gpu.needs import load_need
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.gpu.placement_request import NodeCpu
from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.gpu.reading_thread import GpuReader
from heygem_daemon.gpu.torch_build import is_cuda_usable
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.host_memory import total_bytes
from heygem_daemon.system.installation import shipped_weights
from heygem_daemon.system.processors import read_processors

RECOUNT_SECONDS = 2.0
"""How long a count of the slots holds: the need of an engine is read from the share."""
DRIVER_SECONDS = 2.0
"""How long the start waits for the driver's first answer."""


class NodeReader:
    """Reads this machine for the daemon on another one. A driver that hangs stops nothing."""

    def __init__(self, setup: AgentSetup) -> None:
        self._setup = setup
        self._gpus = GpuReader() if setup.device != "cpu" and is_cuda_usable() else None
        if self._gpus is not None:
            self._gpus.start(DRIVER_SECONDS)
        self._cpu = NodeCpu(setup.node, 1)
        self._recount_at = 0.0

    def gpus(self) -> tuple[GpuReading, ...]:
        """Return the GPUs as last read; none where the driver does not answer."""
        if self._gpus is None:
            return ()
        readings = self._gpus.latest()
        if readings.fault is not None:
            return ()
        return tuple(replace(each, node=self._setup.node) for each in readings.gpus)

    def cpu(self) -> NodeCpu:
        """Return how many jobs the CPU renders at a time, and what each may use."""
        now = time.monotonic()
        if now >= self._recount_at:
            self._recount_at = now + RECOUNT_SECONDS
            self._cpu = self._count()
        return self._cpu

    def close(self) -> None:
        """Stop reading."""
        if self._gpus is not None:
            self._gpus.close()

    def _count(self) -> NodeCpu:
        setup, processors, memory = self._setup, read_processors(), total_bytes()
        stamp = weights_fingerprint(shipped_weights(), Path(setup.checkpoints))
        need = load_need(Spool(Path(setup.spool)).cache, setup.engine, stamp, CPU.name)
        asked = setup.worker_memory_bytes
        slots = count_slots(setup.cpu_workers, processors, memory, need, asked)
        share = JobShare(
            setup.threads or share_cores(slots, slots, processors),
            share_memory(slots, memory, asked) if slots > 1 else asked,
        )
        return NodeCpu(setup.node, slots, share)
