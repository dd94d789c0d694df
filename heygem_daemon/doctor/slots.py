"""Finding on how many jobs run at the same time, and why not more."""

from collections.abc import Sequence

from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.check import Check, passed, warned
from heygem_daemon.gpu.cpu_slots import count_slots
from heygem_daemon.gpu.needs import Need
from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.system.processors import Processors
from heygem_daemon.system.units import GIB

NAME = "jobs at a time"


def slots_check(
    settings: Settings,
    gpus: Sequence[GpuReading],
    need: Need,
    processors: Processors,
    memory_bytes: int,
) -> Check:
    """Return how many jobs run at the same time. ``gpus``: those that jobs may use; none where the
    CPU renders. ``need``: what the engine needs on the CPU; ``memory_bytes``: main memory of the
    machine or the control group."""
    if gpus:
        return _on_gpus(settings, len(gpus))
    job_bytes = round(settings.worker_memory_gib * GIB)
    asked, cores = settings.cpu_workers, processors.usable_cores
    slots = count_slots(asked, processors, memory_bytes, need, job_bytes)
    figures = {"cpu_slots": slots}
    if asked != "auto":
        detail = f"{slots} on the CPU (cpu_workers)"
        if slots <= cores:
            return passed(NAME, detail, figures)
        remedy = f'Set cpu_workers to {cores} or "auto": the jobs wait for each other.'
        return warned(NAME, f"{detail}, which has {cores} cores", remedy, figures)
    if not need.measured:
        measured = need.model_copy(update={"measured": True})
        later = count_slots(asked, processors, memory_bytes, measured, job_bytes)
        detail = f"1 on the CPU until its engine is measured, then up to {later}"
        return passed(NAME, detail, {"cpu_slots": 1})
    limit = "its cores" if slots == cores else "the memory"
    return passed(NAME, f"{slots} on the CPU, by {limit}", figures)


def _on_gpus(settings: Settings, count: int) -> Check:
    asked = settings.jobs_per_gpu
    if asked == "auto":
        detail = f"1 on each GPU, {count} in all, at first, more while it is idle (jobs_per_gpu)"
        return passed(NAME, detail, {"gpus": count})
    detail = f"{asked} on each GPU, {count} in all (jobs_per_gpu)"
    return passed(NAME, detail, {"gpus": count, "jobs_per_gpu": asked})
