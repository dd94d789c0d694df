"""Writes the status in Prometheus' text format, for node_exporter's textfile collector.

Format and naming: prometheus.io/docs/instrumenting/exposition_formats and /docs/practices/naming
(base units, so ratios instead of per cent; ``_total`` for counters). Samples have no timestamp: the
collector refuses those, and reports the file's own time.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import get_args

from heygem_daemon.report.status import DaemonState, DeviceStatus, JobState, Status
from heygem_daemon.system import paths

Samples = Iterable[tuple[Mapping[str, str], float | None]]
"""Values with their labels. None means unknown, and is left out: it is not zero."""


def write_metrics(status: Status, file: Path) -> None:
    """Replace ``file`` in one step. Raises OSError. On a full disk the old file stays, and its time
    shows its age."""
    text = format_prometheus(status).encode()
    paths.write(file, text, temporary_name=file.name + ".tmp", durable=False)


def format_prometheus(status: Status) -> str:
    """Return all metrics, each with its HELP and TYPE."""
    return "".join([*_daemon(status), *_jobs(status), *_devices(status), *_last_job(status)])


def _daemon(status: Status) -> Iterator[str]:
    labels = {"version": status.version, "engine": status.engine, "device": status.device}
    states = {state: state == status.state for state in get_args(DaemonState)}
    yield _gauge("info", "Version, engine and device of the daemon.", [(labels, 1)])
    yield _gauge("state", "1 for the present state.", _by("state", states))
    yield _gauge("start_time_seconds", "When the daemon started, UNIX time.", _one(status.started))
    yield _gauge(
        "written_time_seconds", "When these metrics were written, UNIX time.", _one(status.written)
    )
    yield _gauge("on_hold", "1 while nothing can start.", _one(status.hold is not None))


def _jobs(status: Status) -> Iterator[str]:
    counts = status.counts
    outcomes = {"published": counts.published, "failed": counts.failed}
    yield _counter("jobs_total", "Jobs that have ended, by outcome.", _by("outcome", outcomes))
    yield _counter("attempts_total", "Attempts, by how they ended.", _by("end", counts.attempts))
    states = Counter(job.state for job in status.jobs)
    # Running jobs come first in the status, so that those left out wait.
    states["queued"] += status.unlisted.jobs
    present = {state: states[state] for state in get_args(JobState)}
    yield _gauge("jobs", "Claimed jobs that have not ended, by state.", _by("state", present))
    left = sum(each.members - each.published - each.failed for each in status.batches)
    yield _gauge(
        "batches", "Batches under way.", _one(len(status.batches) + status.unlisted.batches)
    )
    yield _gauge("batch_members", "Members of these batches that have not ended.", _one(left))
    entries = len(status.inbox) + status.unlisted.inbox
    yield _gauge("inbox_entries", "Entries of the inbox that are not claimed.", _one(entries))
    backlog = status.backlog
    waiting = _by("for", backlog.counts())
    yield _gauge("waiting", "What waits, claimed or in the inbox, by what it waits for.", waiting)
    yield _gauge("waiting_pairs", "Complete pairs that wait.", _one(backlog.pair_count))
    attention = _one(backlog.needs_attention)
    yield _gauge("needing_attention", "Entries of the inbox that a person must see.", attention)
    yield _gauge(
        "oldest_waiting_time_seconds",
        "When the first of the complete pairs and folders that wait came, UNIX time.",
        _one(backlog.oldest),
    )
    yield _counter("gpu_warnings_total", "GPU warnings, by kind.", _by("kind", counts.warnings))
    current = [({"uuid": each.uuid, "kind": each.kind}, 1) for each in status.warnings]
    yield _gauge("gpu_warning", "1 where the last job on a GPU had this warning.", current)


def _devices(status: Status) -> Iterator[str]:
    gpus = [device for device in status.devices if device.uuid is not None]

    def gpu(name: str, text: str, value: Callable[[DeviceStatus], float | None]) -> str:
        samples = (({"uuid": each.uuid or "", "name": each.name}, value(each)) for each in gpus)
        return _gauge(f"gpu_{name}", text, samples)

    def worker(name: str, text: str, value: Callable[[DeviceStatus], float | None]) -> str:
        samples = (({"device": each.uuid or "cpu"}, value(each)) for each in status.devices)
        return _gauge(f"worker_{name}", text, samples)

    yield gpu(
        "utilization_ratio",
        "How busy the GPU is, with all its programs.",
        lambda d: _ratio(d.utilisation),
    )
    yield gpu("memory_total_bytes", "Memory of the GPU.", lambda d: d.total_bytes)
    yield gpu("memory_free_bytes", "Free memory of the GPU.", lambda d: d.free_bytes)
    yield gpu("temperature_celsius", "Temperature of the GPU.", lambda d: d.temperature)
    yield gpu("power_watts", "Power that the GPU draws.", lambda d: d.power)
    yield gpu("throttled", "1 while the GPU's clocks are throttled.", lambda d: bool(d.throttled))
    yield gpu("faulty", "1 while the GPU must not be used.", lambda d: d.fault is not None)
    yield gpu("resident", "1 where a worker has an engine loaded.", lambda d: d.resident)
    yield worker("resident_bytes", "Main memory of the worker.", lambda d: d.worker_rss_bytes)
    yield worker(
        "vram_reserved_bytes",
        "GPU memory that the worker has reserved.",
        lambda d: d.worker_vram_bytes,
    )
    yield worker(
        "vram_active_bytes",
        "GPU memory that the worker uses.",
        lambda d: d.worker_vram_active_bytes,
    )


def _last_job(status: Status) -> Iterator[str]:
    """The metrics of the last published job; none where there is none."""
    job = next((each for each in status.finished if each.outcome == "published"), None)
    if job is None:
        return
    yield _gauge(
        "last_job_end_time_seconds",
        "When the last job was published, UNIX time.",
        _one(job.finished),
    )
    yield _gauge("last_job_seconds", "Duration of its last attempt.", _one(job.seconds))
    yield _gauge("last_job_frames", "Frames of its result.", _one(job.frames))
    stages = _by("stage", job.stage_seconds)
    yield _gauge("last_job_stage_seconds", "Duration of each of its stages.", stages)
    busy = _one(_ratio(job.utilisation))
    yield _gauge(
        "last_job_gpu_utilization_ratio", "Mean use of its GPU while the engine worked.", busy
    )


def _ratio(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _one(value: float | None) -> Samples:
    return [({}, value)]


def _by(label: str, values: Mapping[str, float]) -> Samples:
    return [({label: key}, value) for key, value in values.items()]


def _gauge(name: str, text: str, samples: Samples) -> str:
    return _metric("gauge", name, text, samples)


def _counter(name: str, text: str, samples: Samples) -> str:
    return _metric("counter", name, text, samples)


def _metric(kind: str, name: str, text: str, samples: Samples) -> str:
    """Return one metric; an empty text where no value is known."""
    full = f"heygem_{name}"
    lines = [
        f"{full}{_labels(labels)} {float(value):.15g}"
        for labels, value in samples
        if value is not None
    ]
    head = [f"# HELP {full} {text}", f"# TYPE {full} {kind}"]
    return "\n".join([*head, *lines, ""]) if lines else ""


def _labels(labels: Mapping[str, str]) -> str:
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{','.join(pairs)}}}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
