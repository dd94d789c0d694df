"""What is to be placed on a device, what is allowed there, and what we know of it. Data only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from heygem_daemon.gpu.needs import Need
from heygem_daemon.gpu.occupancy import WorkerOccupancy


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator allows.

    ``device``: 'auto', 'cuda', 'cpu', or a GPU's UUID. ``gpus``: UUIDs of the GPUs that may be
    used, those of divided GPUs standing for all their MIG instances; empty: all. ``margin_bytes``
    are to stay free for others on each. ``others_percent``: a GPU that others use more than that
    is left to them. ``jobs_per_gpu``: how many may run on one at a time.
    """

    device: str = "auto"
    gpus: tuple[str, ...] = ()
    margin_bytes: int = 0
    others_utilisation_percent: int = 100
    jobs_per_gpu: int = 1


@dataclass(frozen=True, slots=True)
class PlacementRequest:
    """What is to be placed: a job for ``engine``, which on a GPU of a given name has that need."""

    engine: str
    need: Callable[[str], Need]


@dataclass(frozen=True, slots=True)
class PlacementContext:
    """What we know of the devices from our own side.

    ``held``: by all workers of ours. ``aside``: devices that are left alone for now, by UUID (None:
    the CPU), and why, as a clause. ``kept``: GPUs that are spoken for by a job that goes first.
    ``cuda_usable``: whether the installed torch can compute on a GPU at all.
    """

    workers: Sequence[WorkerOccupancy] = ()
    quarantined: Mapping[str | None, str] = field(default_factory=dict)
    reserved_gpus: frozenset[str] = frozenset()
    cuda_usable: bool = True
