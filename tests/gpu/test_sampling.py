"""Evidence from the driver library to the report, through the whole daemon."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gpu.machine import Gpu, Machine

pytestmark = pytest.mark.slow


@pytest.fixture
def machine(driver_folder: Path, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, driver_folder)
    made.gpus = [Gpu("GPU-aaaa")]
    yield made
    made.end()


def report(machine: Machine) -> dict[str, Any]:
    """Return the report of the job 'talk', once it is published."""
    path = machine.spool / "outbox" / "talk.json"
    machine.until(path.exists)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def after(seconds: float) -> Callable[[], bool]:
    begun = time.monotonic()
    return lambda: time.monotonic() - begun > seconds


def test_a_gpu_that_sleeps_and_is_hot_is_told_of_in_log_status_metrics_and_report(
    machine: Machine,
) -> None:
    machine.start("run", "--device", "cuda")
    go = machine.folder / "go"
    machine.drop("talk", f"linger {go}")
    machine.until(lambda: "attempt 1" in machine.output())
    machine.extra_lines = ["0.temperature 95", "0.milliwatts 90000"]
    machine.change()
    machine.until(lambda: "GPU too hot: 95 °C" in machine.output())
    machine.until(after(6.0))
    go.touch()
    evidence = report(machine)["evidence"]
    assert evidence["inference"]["utilisation_percent"] == {"mean": 3, "peak": 3}
    assert evidence["inference"]["seconds_sampled"] >= 5
    assert evidence["temperature_celsius"]["peak"] == 95
    assert evidence["power_watts"]["peak"] == 90
    warnings = report(machine)["warnings"]
    assert ["asleep" in warnings[0], "hot" in warnings[1]] == [True, True]
    machine.until(lambda: machine.output().count("GPU asleep: it was busy for 3 %") == 1)
    assert machine.output().count("GPU too hot") == 1
    machine.until(lambda: len(machine.status()["warnings"]) == 2)
    metrics = machine.spool / ".state" / "metrics.prom"
    for line in (
        'heygem_gpu_temperature_celsius{name="NVIDIA L4",uuid="GPU-aaaa"} 95',
        'heygem_gpu_warning{kind="asleep",uuid="GPU-aaaa"} 1',
        'heygem_gpu_warnings_total{kind="hot"} 1',
        "heygem_last_job_gpu_utilization_ratio 0.03",
    ):
        machine.until(lambda: line in metrics.read_text(encoding="utf-8"))  # noqa: B023 - at once


def test_a_driver_that_hangs_during_a_job_costs_it_its_evidence_alone(machine: Machine) -> None:
    machine.start("run", "--device", "cuda")
    go = machine.folder / "go"
    machine.drop("talk", f"linger {go}")
    machine.until(lambda: "attempt 1" in machine.output())
    machine.until(after(1.0))
    machine.extra_lines = ["hang.nvmlDeviceGetUtilizationRates 1"]
    machine.change()
    machine.until(machine.hangs)
    machine.until(after(7.0))
    go.touch()
    evidence = report(machine)["evidence"]
    assert evidence["seconds_sampled"] > 0
    assert evidence["seconds_silent"] >= 5
    assert report(machine)["attempts"] == 1
