"""The metrics of GPUs and of the workers on them. Pure."""

from collections.abc import Callable

from heygem_daemon.report.metric import (
    Metric,
    Samples,
    by_key,
    counter,
    device_value,
    gauge,
    ratio,
)
from heygem_daemon.report.status import DeviceStatus, Status

Value = Callable[[DeviceStatus], float | None]


def _gpu(name: str, text: str, value: Value) -> Metric:
    def read(status: Status) -> Samples:
        gpus = [each for each in status.devices if each.uuid is not None]
        return [((each.uuid or "", each.name), value(each)) for each in gpus]

    return gauge(f"gpu_{name}", text, read, ("uuid", "name"))


def _worker(name: str, text: str, value: Value) -> Metric:
    def read(status: Status) -> Samples:
        totals: dict[str, float | None] = {}
        for each in status.devices:  # the CPU has an entry for each slot
            device, amount = device_value(each.uuid, each.node), value(each)
            known = (total for total in (totals.get(device), amount) if total is not None)
            totals[device] = sum(known) if amount is not None else totals.get(device)
        return [((device,), total) for device, total in totals.items()]

    return gauge(f"worker_{name}", text, read, ("device",))


def _warnings(status: Status) -> Samples:
    return [((each.uuid, each.kind), 1) for each in status.warnings]


DEVICE_METRICS: tuple[Metric, ...] = (
    _gpu(
        "utilization_ratio",
        "How busy the GPU is, with all its programs.",
        lambda d: ratio(d.utilisation),
    ),
    _gpu("memory_total_bytes", "Memory of the GPU.", lambda d: d.total_bytes),
    _gpu("memory_free_bytes", "Free memory of the GPU.", lambda d: d.free_bytes),
    _gpu("temperature_celsius", "Temperature of the GPU.", lambda d: d.temperature),
    _gpu("power_watts", "Power that the GPU draws.", lambda d: d.power),
    _gpu("throttled", "1 while the GPU's clocks are throttled.", lambda d: bool(d.throttled)),
    _gpu("faulty", "1 while the GPU must not be used.", lambda d: d.fault is not None),
    _gpu("resident", "1 where a worker has an engine loaded.", lambda d: d.resident),
    _worker("resident_bytes", "Main memory of the worker.", lambda d: d.worker_rss_bytes),
    _worker(
        "vram_reserved_bytes",
        "GPU memory that the worker has reserved.",
        lambda d: d.worker_vram_bytes,
    ),
    _worker(
        "vram_active_bytes",
        "GPU memory that the worker uses.",
        lambda d: d.worker_vram_active_bytes,
    ),
    counter(
        "gpu_warnings_total",
        "GPU warnings, by kind: asleep, hot, throttled, creep.",
        by_key(lambda s: s.counts.warnings),
        ("kind",),
    ),
    gauge(
        "gpu_warning",
        "1 where the last job on a GPU had this warning.",
        _warnings,
        ("uuid", "kind"),
    ),
)
