"""What the dispatcher works with, and how it is put together."""

from collections.abc import Callable
from dataclasses import dataclass

from heygem_daemon.config.folders import PriorityCaps
from heygem_daemon.config.settings import Settings
from heygem_daemon.service.admission import DiskSpaceCheck, MemoryCheck
from heygem_daemon.service.attempts import Attempts
from heygem_daemon.service.chunk_sharing import ChunkSharing
from heygem_daemon.service.cpu_capacity import CpuCapacity
from heygem_daemon.service.devices import DeviceFinder, read_cpu_need
from heygem_daemon.service.gpu_capacity import GpuCapacity
from heygem_daemon.service.gpu_monitor import GpuMonitor, build_warning_limits
from heygem_daemon.service.outcomes import JobOutcomes
from heygem_daemon.service.progress_notes import ProgressNotes
from heygem_daemon.service.queue import Queue
from heygem_daemon.service.reaper import WorkerReaper
from heygem_daemon.service.rest import Rest
from heygem_daemon.service.runtime import Dependencies
from heygem_daemon.service.signing import ResultSigner
from heygem_daemon.service.tally import Tally
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import Executor

MAX_FAULTS = 5
"""How many jobs are tried in one round where the disk or share fails."""

MAX_ENDED = 50
"""How many jobs that cannot start are failed in one round: each takes as long as several files."""


@dataclass(frozen=True, slots=True)
class DispatchParts:
    """What a dispatcher works with. The outcomes put jobs back into the same queue."""

    queue: Queue
    devices: DeviceFinder
    disk_space: DiskSpaceCheck
    memory: MemoryCheck
    gpu_monitor: GpuMonitor
    outcomes: JobOutcomes
    attempts: Attempts
    signer: ResultSigner
    tally: Tally
    rest: Rest
    notes: ProgressNotes


def build_parts(
    settings: Settings,
    spool: Spool,
    executor: Executor,
    dependencies: Dependencies,
    on_end: Callable[[Job], None],
) -> DispatchParts:
    """Build the parts of a dispatcher. ``on_end`` is called with each job that is published or
    failed."""
    clock, caps = dependencies.clock, PriorityCaps.of(settings.max_priority, settings.folders)
    rest = Rest(settings, clock)
    queue = Queue(caps, rest.is_resting)
    signer = ResultSigner(settings, clock, dependencies.wake.set)
    memory = dependencies.memory
    cpu = CpuCapacity(settings, clock, read_cpu_need, dependencies.read_processors, memory.total)
    gpus = GpuCapacity(
        settings, clock, dependencies.read_processors, dependencies.read_processor_times
    )
    devices = DeviceFinder(
        settings, executor, dependencies.read_gpus, clock, cpu, gpus, dependencies.read_nodes
    )
    faults = dependencies.faults
    gpu_monitor = GpuMonitor(build_warning_limits(settings), clock)
    tally = Tally(dependencies.job_ended)
    outcomes = JobOutcomes(spool, queue, settings.max_attempts, signer, tally, dependencies, on_end)
    reaper = WorkerReaper(settings, devices, executor, clock)
    sharing = ChunkSharing(
        settings, spool.assistants, queue, rest, devices, memory, executor, clock
    )
    attempts = Attempts(spool, executor, clock, devices, gpu_monitor, reaper, outcomes, sharing)
    return DispatchParts(
        queue=queue,
        devices=devices,
        disk_space=DiskSpaceCheck(spool.root, round(settings.free_space_gib * GIB)),
        memory=memory,
        gpu_monitor=gpu_monitor,
        outcomes=outcomes,
        attempts=attempts,
        signer=signer,
        tally=tally,
        rest=rest,
        notes=ProgressNotes(spool, settings, clock, faults),
    )
