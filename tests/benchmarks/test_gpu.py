"""The GPU benchmark, as far as it runs without a GPU: time limits, rows, the other process."""

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.on_gpu.bench import Bench, Pair
from benchmarks.on_gpu.crowd import tenant
from benchmarks.on_gpu.jobs import figures
from benchmarks.on_gpu.parts import Part, run_parts
from heygem_daemon.gpu.evidence import add_usage, evidence_report, usage_of_reading
from heygem_daemon.gpu.reading import GpuReading

SCRIPT = """
import pathlib, subprocess, sys
name = sys.argv[1]
print(f"row of {name}", flush=True)
if name == "slow":
    child = subprocess.Popen(["sleep", "600"])
    pathlib.Path(sys.argv[0]).with_name("child").write_text(str(child.pid))
    child.wait()
if name == "broken":
    raise ValueError("no")
"""


@pytest.fixture
def report() -> dict[str, Any]:
    reading = GpuReading(
        "GPU-1", 0, "H200", used=3 << 30, utilisation=40, temperature=50, power=250.0, processes=1
    )
    evidence = add_usage({}, "render", usage_of_reading(reading, 6.0))
    return {
        "seconds": 10.0,
        "output": {"frames": 300, "seconds": 12.0},
        "stage_seconds": {"track": 2.0, "render": 6.0},
        "stage_cpu_seconds": {"track": 4.0, "render": 18.0},
        "engine": {"name": "builtin", "precision": "float16"},
        "device": {"name": "H200", "peak_vram_bytes": 2 << 30},
        "peak_rss_bytes": 1 << 30,
        "warnings": ["GPU asleep"],
        "evidence": evidence_report(evidence),
    }


@pytest.mark.slow
def test_what_a_part_has_printed_is_kept_when_it_fails_or_takes_too_long(tmp_path: Path) -> None:
    target = tmp_path / "table.md"
    parts = [Part("quick", 60), Part("slow", 6), Part("broken", 60), Part("last", 60)]
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    assert not run_parts(parts, [sys.executable, str(script)], 120, target)
    lines = [line for line in target.read_text().splitlines() if line]
    assert lines[0] == "row of quick"
    assert lines[1] == "row of slow"
    assert lines[2].startswith("*slow: stopped after")
    assert lines[3] == "row of broken"
    assert lines[4].startswith("*broken: status 1")
    assert lines[5] == "row of last"
    assert not alive(int((tmp_path / "child").read_text()))


def alive(pid: int) -> bool:
    """Whether a process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_part_for_which_no_time_is_left_is_not_started(tmp_path: Path) -> None:
    target = tmp_path / "table.md"
    assert not run_parts([Part("quick", 60)], [sys.executable, "-c", SCRIPT], 1, target)
    assert "not started" in target.read_text()
    assert run_parts([Part("quick", 60)], [sys.executable, "-c", SCRIPT], 60, None)


def test_the_rows_of_a_job_on_a_gpu(report: dict[str, Any]) -> None:
    rows = dict(figures("job 1", Pair("demo", Path(), Path(), 2.0), report))
    assert rows["x plain transcode"] == "5.0 (of 2.00 s)"
    assert rows["frames/s, whole job; drawing"] == "30; 50"
    assert rows["GPU busy while inferring, %: mean, peak"] == "40, 40"
    assert rows["VRAM used as the driver sees it, MiB: mean, peak"] == "3072, 3072"
    assert rows["power, W; temperature, °C: mean, peak"] == "250, 250; 50, 50"
    assert rows["worker: VRAM peak, RAM peak, MiB"] == "2048, 1024"
    assert rows["warning"] == "GPU asleep"


def test_the_rows_of_a_job_whose_gpu_reported_nothing(report: dict[str, Any]) -> None:
    report["evidence"] = evidence_report({})
    report["device"]["peak_vram_bytes"] = None
    rows = dict(figures("job 1", Pair("demo", Path(), Path(), 2.0), report))
    assert rows["GPU busy while inferring, %: mean, peak"] == "?"
    assert rows["VRAM used as the driver sees it, MiB: mean, peak"] == "?, ?"
    assert "reported nothing" in rows["evidence"]


@pytest.mark.slow
def test_the_other_process_allocates_memory_and_frees_it(tmp_path: Path) -> None:
    with tenant(Bench(tmp_path, "cpu", 1.0)) as other:
        assert other.take_all_but(56) == 200
        assert other.take_all_but(0) == 256
        assert other.give_back() == 0
        assert other.take_all_but(255) == 0
