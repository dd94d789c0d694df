"""What is to be placed on a device, what the operator allows, and what the daemon knows.

Data only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from heygem_daemon.gpu.cpu_slots import JobShare
from heygem_daemon.gpu.needs import Need
from heygem_daemon.gpu.occupancy import WorkerOccupancy


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator allows."""

    device: str = "auto"
    """'auto', 'cuda', 'cpu', or a GPU's UUID."""
    gpus: tuple[str, ...] = ()
    """UUIDs of the GPUs that may be used; the UUID of a divided GPU allows all of its MIG
    instances. Empty: all GPUs."""
    margin_bytes: int = 0
    """Memory that must stay free for other programs on each GPU."""
    others_utilisation_percent: int = 100
    """A GPU that other programs use more than this is left to them, 0-100."""
    jobs_per_gpu: int = 1
    """How many jobs may run on one GPU at a time, where ``PlacementContext`` says nothing else."""


@dataclass(frozen=True, slots=True)
class PlacementRequest:
    """A job to be placed."""

    engine: str
    need: Callable[[str], Need]
    """Returns what the engine needs on a GPU of the given name."""


@dataclass(frozen=True, slots=True)
class NodeCpu:
    """The CPU of one machine."""

    node: str
    """Name of the machine's node in the cluster; '': the daemon's own machine."""
    slots: int
    """How many jobs it renders at a time."""
    share: JobShare | None = None
    """What one job may use of the machine, where all slots have one; None: all of it."""


@dataclass(frozen=True, slots=True)
class PlacementContext:
    """What the daemon itself knows about the devices."""

    workers: Sequence[WorkerOccupancy] = ()
    """What each of our own workers holds."""
    quarantined: Mapping[str | None, str] = field(default_factory=dict)
    """Devices that are not used for now, by ``DeviceChoice.key``, with the reason as a
    clause."""
    reserved_gpus: frozenset[str] = frozenset()
    """UUIDs of GPUs that are reserved for an earlier job."""
    cpu_slots: int = 1
    """How many jobs may run on the CPU of the daemon's machine at a time."""
    gpu_slots: Mapping[str, int] = field(default_factory=dict)
    """How many jobs may run on a GPU at a time, by its UUID."""
    nodes: Sequence[NodeCpu] = ()
    """The CPUs of the cluster's other machines."""
    cuda_usable: bool = True
    """Whether the installed torch can compute on a GPU at all."""
