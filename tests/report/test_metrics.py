"""The metrics in Prometheus' text format."""

import re
from pathlib import Path

from heygem_daemon.report.metrics import format_prometheus, write_metrics
from heygem_daemon.report.status import (
    BatchStatus,
    Counts,
    DeviceStatus,
    FinishedJob,
    GpuWarning,
    InboxStatus,
    JobStatus,
    Status,
)

SAMPLE = re.compile(r'^(\w+)(\{(?:\w+="(?:[^"\\\n]|\\.)*",?)*\})? (-?[0-9.e+-]+|NaN)$')
"""A line of the text format (version 0.0.4) without a time."""

STATUS = Status(
    version="1",
    pid=7,
    state="working",
    started=100.0,
    written=1_700_000_000.125,
    spool="/s",
    engine="auto",
    device="auto",
    jobs=(
        JobStatus(id="1", name="a", state="running"),
        JobStatus(id="2", name="b", state="queued"),
        JobStatus(id="3", name="c", state="queued"),
    ),
    batches=(BatchStatus(id="4", name="d", dropped_as="d", members=5, published=2, failed=1),),
    inbox=(InboxStatus(name="e", reason="waits"),),
    devices=(
        DeviceStatus(
            name='H200 "one"',
            uuid="GPU-1",
            total_bytes=150_754_820_096,
            free_bytes=100,
            utilisation=37,
            power=411.5,
            throttled=("power limit",),
            resident=True,
            worker_vram_bytes=2000,
            worker_vram_active_bytes=1000,
        ),
        DeviceStatus(name="CPU", resident=True, worker_rss_bytes=5),
    ),
    finished=(
        FinishedJob(id="5", name="f", outcome="failed", output="f", finished=9.0, seconds=1.0),
        FinishedJob(
            id="6",
            name="g",
            outcome="published",
            output="g",
            finished=8.0,
            seconds=12.5,
            frames=250,
            utilisation=64.0,
            stage_seconds={"track": 3.5, "render": 7.25},
        ),
    ),
    warnings=(GpuWarning(kind="hot", device="H200", uuid="GPU-1", job="g", at=8.0, text="hot"),),
    counts=Counts(
        published=3,
        failed=1,
        attempts={"rendered": 3, "refused": 1},
        warnings={"asleep": 0, "hot": 2},
    ),
)


def samples(text: str) -> dict[str, float]:
    """Return every sample by its name and labels. Each line must be a sample or a comment."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("# "):
            continue
        match = SAMPLE.match(line)
        assert match, line
        assert line.rpartition(" ")[0] not in found
        found[line.rpartition(" ")[0]] = float(match[3])
    return found


def test_every_line_is_in_the_text_format_and_typed_once() -> None:
    text = format_prometheus(STATUS)
    assert text.endswith("\n")
    types = re.findall(r"^# TYPE (\w+) (gauge|counter)$", text, re.MULTILINE)
    names = [name for name, _ in types]
    assert len(names) == len(set(names))
    assert {sample.partition("{")[0] for sample in samples(text)} == set(names)
    assert all((kind == "counter") == name.endswith("_total") for name, kind in types)


def test_the_status_is_found_again() -> None:
    found = samples(format_prometheus(STATUS))
    expected = {
        'heygem_state{state="working"}': 1,
        'heygem_state{state="idle"}': 0,
        "heygem_written_time_seconds": 1_700_000_000.125,
        "heygem_on_hold": 0,
        'heygem_jobs{state="queued"}': 2,
        'heygem_jobs{state="deferred"}': 0,
        'heygem_jobs_total{outcome="published"}': 3,
        'heygem_attempts_total{end="refused"}': 1,
        "heygem_batch_members": 2,
        "heygem_inbox_entries": 1,
        'heygem_gpu_utilization_ratio{uuid="GPU-1",name="H200 \\"one\\""}': 0.37,
        'heygem_gpu_memory_total_bytes{uuid="GPU-1",name="H200 \\"one\\""}': 150_754_820_096,
        'heygem_gpu_throttled{uuid="GPU-1",name="H200 \\"one\\""}': 1,
        'heygem_worker_vram_active_bytes{device="GPU-1"}': 1000,
        'heygem_worker_resident_bytes{device="cpu"}': 5,
        'heygem_gpu_warnings_total{kind="asleep"}': 0,
        'heygem_gpu_warning{uuid="GPU-1",kind="hot"}': 1,
        "heygem_last_job_seconds": 12.5,
        'heygem_last_job_stage_seconds{stage="render"}': 7.25,
        "heygem_last_job_gpu_utilization_ratio": 0.64,
    }
    assert {name: found.get(name) for name in expected} == expected


def test_what_is_not_known_is_left_out() -> None:
    found = samples(format_prometheus(STATUS))
    assert not any("temperature" in name for name in found)
    assert 'heygem_worker_resident_bytes{device="GPU-1"}' not in found
    fresh = Status.model_validate({**STATUS.model_dump(), "finished": (), "devices": ()})
    assert not any("last_job" in name or "_gpu_" in name.replace("_gpu_warn", "") for name in
                   samples(format_prometheus(fresh)))  # fmt: skip


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "metrics.prom"
    file.write_text("old")
    write_metrics(STATUS, file)
    assert file.read_text() == format_prometheus(STATUS)
    assert list(tmp_path.iterdir()) == [file]
