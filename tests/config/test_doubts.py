"""Settings that are possible and make no sense."""

from typing import Any

import pytest

from heygem_daemon.config.doubts import find_doubts
from heygem_daemon.config.settings import Settings

WHOLE = "GPU-1b2c3d4e-0000-1111-2222-333344445555"


def doubts(unit: float | None = None, memory: int | None = None, **values: Any) -> list[str]:
    return find_doubts(Settings.model_validate(values), unit, memory)


def test_the_defaults_make_sense_in_the_shipped_unit() -> None:
    assert doubts(unit=180.0, memory=16 << 30) == []


@pytest.mark.parametrize(
    ("values", "start"),
    [
        ({"retention_days": 0.0001}, "retention_days = 0.0001 deletes results 9 s after"),
        ({"gpus": ["GPU-1"]}, 'gpus: "GPU-1" is no whole UUID'),
        ({"device": "GPU-1"}, 'device: "GPU-1" is no whole UUID'),
        ({"stop_seconds": 3}, "stop_seconds = 3 kills workers at each stop"),
        ({"settle_seconds": 0}, "settle_seconds = 0 takes files that are still being written"),
        ({"device": "cpu", "gpus": [WHOLE]}, 'gpus has no effect with device = "cpu"'),
        ({"device": "cpu", "jobs_per_gpu": 2}, "jobs_per_gpu has no effect"),
        ({"device": WHOLE, "gpus": [WHOLE[:-1] + "6"]}, f'device = "{WHOLE}" is not among gpus'),
        ({"stall_seconds": 10, "scan_seconds": 60}, "stall_seconds is below scan_seconds"),
    ],
)
def test_each_doubtful_value_is_named(values: dict[str, Any], start: str) -> None:
    (found,) = doubts(**values)
    assert found.startswith(start)


def test_a_stop_that_takes_longer_than_systemd_waits_is_told_with_both_remedies() -> None:
    (found,) = doubts(unit=180.0, stop_seconds=300)
    assert "systemd kills the service after 180 s: set it to 167 at most" in found
    assert "TimeoutStopSec=313 in a drop-in" in found
    assert doubts(unit=None, stop_seconds=300) == []


def test_more_memory_than_there_is_is_told() -> None:
    (found,) = doubts(memory=8 << 30, worker_memory_gib=9)
    assert found.startswith("worker_memory_gib = 9 is more than the 8.0 GiB")


def test_more_memory_than_there_is_for_all_workers_is_told() -> None:
    (found,) = doubts(memory=15 << 30, worker_memory_gib=4, cpu_workers=5)
    assert found.startswith(
        "cpu_workers = 5 with worker_memory_gib = 4 is 20 GiB, more than the 15"
    )
    assert found.endswith("3 workers have room")
    assert doubts(memory=15 << 30, worker_memory_gib=4, cpu_workers=3) == []
    assert doubts(memory=15 << 30, worker_memory_gib=4) == [], "auto counts them itself"


@pytest.mark.parametrize(
    "uuid", [WHOLE, WHOLE.replace("GPU", "MIG"), f"MIG-{WHOLE}/7/0", WHOLE.upper()[:4] + WHOLE[4:]]
)
def test_whole_uuids_are_no_doubt(uuid: str) -> None:
    assert doubts(gpus=[uuid]) == []
