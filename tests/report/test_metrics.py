"""The metrics in Prometheus' text format."""

import re
from pathlib import Path
from typing import get_args

from heygem_daemon.report.backlog import Backlog, WaitFor, state_of
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.counts import Counts
from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.metrics import format_prometheus, write_metrics
from heygem_daemon.report.status import (
    DeviceStatus,
    DiskStatus,
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
        JobStatus(
            id="1",
            name="a",
            state="running",
            device_uuid="GPU-1",
            stage="render",
            frames=25,
            total_frames=100,
            fps=12.5,
            started=50.0,
            progress_at=60.0,
        ),
        JobStatus(id="2", name="b", state="queued"),
        JobStatus(id="3", name="c", state="queued"),
    ),
    batches=(BatchStatus(id="4", name="d", dropped_as="d", members=5, published=2, failed=1),),
    backlog=Backlog(pairs={"disk": 2, "turn": 3}, claimed={"disk": 2}, oldest=77.0),
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
        failures={"crashes": 1},
        warnings={"asleep": 0, "hot": 2},
        stage_seconds={"render": 7.5},
        frames=275,
        worker_starts=4,
        worker_deaths=1,
    ),
    disk=DiskStatus(free_bytes=10, total_bytes=40),
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
        'heygem_jobs{reason="",state="running"}': 1,
        'heygem_jobs{reason="disk",state="queued"}': 2,
        'heygem_jobs{reason="pause",state="deferred"}': 0,
        'heygem_jobs_total{outcome="published"}': 3,
        'heygem_attempts_total{end="refused"}': 1,
        "heygem_batch_members": 2,
        "heygem_inbox_entries": 1,
        'heygem_waiting{for="turn"}': 3,
        "heygem_oldest_waiting_time_seconds": 77,
        'heygem_failures_total{reason="crashes"}': 1,
        'heygem_failures_total{reason="sidecar"}': 0,
        'heygem_stage_seconds_total{stage="render"}': 7.5,
        "heygem_frames_total": 275,
        'heygem_running_stage{device="GPU-1",slot="1",stage="render"}': 1,
        'heygem_running_progress_ratio{device="GPU-1",slot="1"}': 0.25,
        'heygem_running_fps{device="GPU-1",slot="1"}': 12.5,
        'heygem_running_start_time_seconds{device="GPU-1",slot="1"}': 50,
        'heygem_running_progress_time_seconds{device="GPU-1",slot="1"}': 60,
        "heygem_worker_starts_total": 4,
        "heygem_worker_deaths_total": 1,
        "heygem_spool_free_bytes": 10,
        "heygem_spool_size_bytes": 40,
        'heygem_gpu_utilization_ratio{name="H200 \\"one\\"",uuid="GPU-1"}': 0.37,
        'heygem_gpu_memory_total_bytes{name="H200 \\"one\\"",uuid="GPU-1"}': 150_754_820_096,
        'heygem_gpu_throttled{name="H200 \\"one\\"",uuid="GPU-1"}': 1,
        'heygem_worker_vram_active_bytes{device="GPU-1"}': 1000,
        'heygem_worker_resident_bytes{device="cpu"}': 5,
        'heygem_gpu_warnings_total{kind="asleep"}': 0,
        'heygem_gpu_warning{kind="hot",uuid="GPU-1"}': 1,
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


def test_no_name_of_a_user_s_file_is_in_the_metrics() -> None:
    private = "secret-name"
    jobs = tuple(each.model_copy(update={"name": private}) for each in STATUS.jobs)
    ended = tuple(each.model_copy(update={"name": private}) for each in STATUS.finished)
    named = STATUS.model_copy(
        update={
            "jobs": jobs,
            "finished": ended,
            "inbox": (InboxStatus(name=private, reason=private),),
            "hold": private,
        }
    )
    assert private not in format_prometheus(named)


def test_each_thing_to_wait_for_belongs_to_one_state_of_a_claimed_job() -> None:
    unclaimed = {each for each in get_args(WaitFor) if state_of(each) is None}
    assert unclaimed == {"look", "upload", "partner", "attention"}
    assert state_of("pause") == "deferred"
    assert state_of("publication") == "publishing"


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "metrics.prom"
    file.write_text("old")
    write_metrics(STATUS, file)
    assert file.read_text() == format_prometheus(STATUS)
    assert list(tmp_path.iterdir()) == [file]
