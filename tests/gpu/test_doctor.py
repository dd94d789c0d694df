"""The doctor, as a command, on a machine with scripted driver libraries."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heygem_daemon.system.units import GIB

pytestmark = pytest.mark.slow

CUDA = Path(__file__).with_name("stub_cuda.c")
PROGRAM = (
    "from heygem_daemon.cli import main; from heygem_daemon.doctor import examination;"
    " from heygem_daemon.gpu.torch_build import TorchBuild;"
    " examination.DRIVER_TIMEOUT_SECONDS = 3.0;"
    " examination.installed_torch = lambda: TorchBuild('2.13.0', '13.0'); main()"
)
"""Runs as on a machine with the CUDA build of torch, which no test can install."""
HEALTHY = (
    f"count 1\ndriver 580.65.06\ncuda 13000\n0.uuid GPU-a\n0.name NVIDIA L4\n"
    f"0.total {24 * GIB}\n0.free {20 * GIB}\n0.temperature 50\n"
)

Doctor = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def cuda_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with our own libcuda.so.1."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler on this machine to build the scripted CUDA library with")
    folder = tmp_path_factory.mktemp("cuda")
    library = str(folder / "libcuda.so.1")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, str(CUDA)], check=True)
    return folder


@pytest.fixture
def doctor(driver_folder: Path, cuda_folder: Path, tmp_path: Path) -> Doctor:
    """Run ``doctor --quick`` under a script; return its findings by name, and its exit 'status'.

    Further arguments are options; named ones are environment variables.
    """
    left_out = ("HEYGEM_", "CUDA_", "NVIDIA_")

    def examined(script: str, *options: str, **variables: str) -> dict[str, Any]:
        path = tmp_path / "script"
        path.write_text(script)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
        paths = {"LD_LIBRARY_PATH": f"{driver_folder}:{cuda_folder}", "NVML_STUB": str(path)}
        child = subprocess.run(
            [sys.executable, "-c", PROGRAM, "doctor", "--quick", "--json", *options],
            env={**kept, **paths, "HEYGEM_SPOOL": str(tmp_path / "spool"), **variables},
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
    assert found["CUDA"]["detail"] == "13.0, shows 2 GPUs"
    assert "CUDA_VISIBLE_DEVICES" not in found


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


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("", "is set to nothing, which hides every GPU"),
        ("GPU-gone", "names no GPU of this machine"),
        ("1", "leaves 1 of 2 GPUs"),
    ],
)
def test_a_variable_that_hides_gpus_is_told_from_a_driver_that_shows_none(
    doctor: Doctor, value: str, detail: str
) -> None:
    found = doctor(HEALTHY, CUDA_VISIBLE_DEVICES=value)
    assert found["CUDA"]["verdict"] == "pass"
    assert found["CUDA_VISIBLE_DEVICES"]["verdict"] == "warn"
    assert detail in found["CUDA_VISIBLE_DEVICES"]["detail"]
    blind = doctor(HEALTHY, CUDA_STUB="100")
    assert blind["CUDA"]["verdict"] == "fail"
    assert "CUDA_VISIBLE_DEVICES" not in blind


def test_a_driver_that_is_too_old_for_torch_is_a_failure(doctor: Doctor) -> None:
    found = doctor(HEALTHY.replace("cuda 13000", "cuda 12020"))
    assert found["NVIDIA driver"]["verdict"] == "fail"
    assert "580 or newer" in found["NVIDIA driver"]["remedy"]
