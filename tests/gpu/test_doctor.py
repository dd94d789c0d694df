"""The doctor, as a command, on a machine whose driver library is the scripted one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GIB = 1 << 30
PROGRAM = (
    "from heygem_daemon.cli import main; from heygem_daemon.doctor import examination;"
    " examination.DRIVER_SECONDS = 3.0; main()"
)
HEALTHY = (
    f"count 1\ndriver 580.65.06\ncuda 13000\n0.uuid GPU-a\n0.name NVIDIA L4\n"
    f"0.total {24 * GIB}\n0.free {20 * GIB}\n0.temperature 50\n"
)

Doctor = Callable[..., dict[str, Any]]


@pytest.fixture
def doctor(driver_folder: Path, tmp_path: Path) -> Doctor:
    """Findings by name, of ``doctor --quick`` under a script, and 'status': the exit status."""

    def examined(script: str, *options: str) -> dict[str, Any]:
        path = tmp_path / "script"
        path.write_text(script)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HEYGEM_")}
        paths = {"LD_LIBRARY_PATH": str(driver_folder), "NVML_STUB": str(path)}
        child = subprocess.run(
            [sys.executable, "-c", PROGRAM, "doctor", "--quick", "--json", *options],
            env={**kept, **paths, "HEYGEM_SPOOL": str(tmp_path / "spool")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert child.stderr == ""
        checks = json.loads(child.stdout)["checks"]
        return {check["name"]: check for check in checks} | {"status": child.returncode}

    return examined


def test_a_gpu_is_found_and_measured_against_the_engine(doctor: Doctor) -> None:
    found = doctor(HEALTHY)
    assert found["NVIDIA driver"]["detail"] == "580.65.06, serves CUDA up to 13.0"
    assert found["GPU 0"]["detail"].startswith("NVIDIA L4, 20.0 of 24.0 GiB free, 50 °C")
    assert found["GPU 0"]["figures"]["uuid"] == "GPU-a"


def test_a_driver_at_odds_with_its_library_is_a_failure(doctor: Doctor) -> None:
    found = doctor("fail.nvmlInitWithFlags 18\n")
    assert found["NVIDIA driver"]["verdict"] == "fail"
    assert found["NVIDIA driver"]["remedy"]
    assert found["status"] == 1
    assert doctor("fail.nvmlInitWithFlags 18\n", "--warn-only")["status"] == 0


def test_a_lost_gpu_is_told_beside_the_one_that_works(doctor: Doctor) -> None:
    second = "1.uuid GPU-b\n1.name NVIDIA L4\n"
    found = doctor(HEALTHY.replace("count 1", "count 2") + second + "0.fail.nvmlDeviceGetUUID 15\n")
    assert found["GPU 0"]["verdict"] in ("warn", "fail")
    assert "lost" in found["GPU 0"]["detail"]
    assert found["GPU 1"]["verdict"] == "pass"


def test_a_driver_that_hangs_does_not_hang_the_doctor(doctor: Doctor) -> None:
    found = doctor(HEALTHY + "hang.nvmlDeviceGetTemperature 1\n")
    assert found["NVIDIA driver"]["verdict"] == "fail"
    assert "no answer within 3 s" in found["NVIDIA driver"]["detail"]
    assert "dmesg" in found["NVIDIA driver"]["remedy"]
    assert found["weights"]["verdict"] == "pass"
