"""Makes the executor of a daemon whose settings name a cluster."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from heygem_daemon.cluster.executor import ClusterExecutor
from heygem_daemon.cluster.messages import AgentSetup, LinkSetup
from heygem_daemon.config.settings import Settings
from heygem_daemon.config.stall_limits import StallLimits
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.gpu.torch_build import is_cuda_usable
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.pool import WorkerPool


def make_executor(
    settings: Settings, local: WorkerPool, on_event: Callable[[], None]
) -> ClusterExecutor:
    """Return an executor with the workers of this machine, and those of the cluster's nodes."""
    return ClusterExecutor(local, link_setup(settings), on_event=on_event)


def link_setup(settings: Settings) -> LinkSetup:
    """Return what the link works with."""
    spool = str(settings.spool)
    agents = AgentSetup(
        node="",
        head_spool=spool,
        spool=spool,
        engine=settings.engine,
        checkpoints=str(settings.checkpoints),
        device=settings.device,
        cpu_workers=settings.cpu_workers,
        threads=settings.threads,
        worker_memory_bytes=round(settings.worker_memory_gib * GIB),
        nice=settings.worker_nice,
        io_priority=settings.worker_io,
        confine=settings.confine == "auto",
        stall_limits=StallLimits.from_settings(settings),
    )
    paths = {name: str(path) for name, path in settings.cluster_paths.items()}
    return LinkSetup(address=settings.cluster, paths=paths, agents=agents)


class MergedReadings:
    """The GPUs of this machine and of the nodes, as one answer of a driver."""

    def __init__(
        self,
        read_here: Callable[[], Readings],
        read_nodes: Callable[[], Sequence[GpuReading]],
    ) -> None:
        self._read_here = read_here
        self._read_nodes = read_nodes
        self._merged: tuple[Readings, tuple[GpuReading, ...], Readings] | None = None

    def __call__(self) -> Readings:
        """Return the readings, the same object until there are newer ones; never waits."""
        here, there = self._read_here(), tuple(self._read_nodes())
        if self._merged is None or self._merged[:2] != (here, there):
            self._merged = (here, there, merge(here, there, is_cuda_usable()))
        return self._merged[2]


def merge(here: Readings, there: Sequence[GpuReading], cuda_here: bool) -> Readings:
    """Return the readings of all machines. Where a node has a GPU, the lack of one here keeps no
    job from it. ``cuda_here``: whether the GPUs of this machine can be used."""
    if not there:
        return here
    own = here.gpus if cuda_here else ()
    return replace(here, gpus=(*own, *there), absence=None, fault=None, fault_here=here.fault)
