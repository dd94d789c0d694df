"""The entries of the status for GPUs and the CPU. Pure."""

from collections.abc import Iterator, Sequence

from heygem_daemon.gpu.occupancy import Place
from heygem_daemon.gpu.placement import device_choice
from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.protocol import MemoryUsage
from heygem_daemon.report.status import DeviceStatus
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.service.snapshot import DispatchSnapshot
from heygem_daemon.spool.names import printable


def device_statuses(snapshot: DispatchSnapshot, faults: ItemFaults) -> Iterator[DeviceStatus]:
    """Yield the GPUs as last read, and each slot of the CPU that has a worker."""
    yield from faults.collect(
        snapshot.readings.gpus,
        lambda gpu: _gpu_status(gpu, snapshot),
        lambda gpu: f"the status of {gpu.name}",
    )
    on_cpu = [each for each in snapshot.worker_memory if each[0].uuid is None]
    for device, usage in sorted(on_cpu, key=lambda each: (each[0].node, each[0].slot)):
        yield DeviceStatus(
            name=device.name,
            label=device.label,
            node=device.node,
            fault=snapshot.quarantined.get(device.key),
            jobs=_jobs_on(device.place, snapshot),
            resident=True,
            worker_rss_bytes=usage.rss_bytes,
        )


def _gpu_status(gpu: GpuReading, snapshot: DispatchSnapshot) -> DeviceStatus:
    workers = [usage for device, usage in snapshot.worker_memory if device.uuid == gpu.uuid]
    status = DeviceStatus(
        name=gpu.name,
        label=device_choice(gpu).label,
        uuid=gpu.uuid,
        node=gpu.node,
        total_bytes=gpu.total,
        free_bytes=gpu.free,
        utilisation=gpu.utilisation,
        temperature=gpu.temperature,
        power=gpu.power,
        throttled=gpu.throttled,
        fault=gpu.fault or snapshot.quarantined.get(gpu.uuid),
        jobs=_jobs_on((gpu.uuid, 1, gpu.node), snapshot),
        resident=bool(workers),
    )
    return status.model_copy(update=_memory_fields(workers)) if workers else status


def _jobs_on(place: Place, snapshot: DispatchSnapshot) -> tuple[str, ...]:
    """Return the names of the jobs that run in a place."""
    running = (
        each.job.title
        for each in snapshot.running
        if place in [used.place for used in (each.device, *snapshot.assistants(each.job.id))]
    )
    return tuple(map(printable, running))


def _memory_fields(workers: Sequence[MemoryUsage]) -> dict[str, int]:
    """The memory of the workers on one GPU, as fields of its status."""
    return {
        "worker_rss_bytes": sum(each.rss_bytes for each in workers),
        "worker_vram_bytes": sum(each.vram_reserved_bytes or 0 for each in workers),
        "worker_vram_active_bytes": sum(each.vram_active_bytes or 0 for each in workers),
    }
