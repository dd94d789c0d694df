"""A scripted driver library for the tests of the readings."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

READ = (
    "import dataclasses, json; from heygem_daemon.gpu import nvml;"
    " print(json.dumps([dataclasses.asdict(nvml.read()) for _ in range(2)]))"
)

ReadWith = Callable[[str], dict[str, Any]]


def read_in_child(environment: dict[str, str]) -> dict[str, Any]:
    """``nvml.read()`` of a fresh interpreter, twice, with the same answer both times."""
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", READ],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    first, second = json.loads(child.stdout)
    assert first == second
    reading: dict[str, Any] = first
    return reading


@pytest.fixture(scope="session")
def driver_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with our own libnvidia-ml.so.1."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler on this machine to build the scripted driver library with")
    folder = tmp_path_factory.mktemp("driver")
    source = Path(__file__).with_name("stub_nvml.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(folder / "libnvidia-ml.so.1"), str(source)],
        check=True,
    )
    return folder


@pytest.fixture
def read_with(driver_folder: Path, tmp_path: Path) -> ReadWith:
    """What ``nvml.read()`` gives, as a dictionary, under a script for the driver library."""

    def read(script: str) -> dict[str, Any]:
        path = tmp_path / "script"
        path.write_text(script)
        return read_in_child({"LD_LIBRARY_PATH": str(driver_folder), "NVML_STUB": str(path)})

    return read


@pytest.fixture
def read_without_driver(tmp_path: Path) -> Callable[[], dict[str, Any]]:
    """What ``nvml.read()`` gives where the driver library cannot be loaded."""

    def read() -> dict[str, Any]:
        # A file of that name which is no library hides the one of a machine that has a driver.
        (tmp_path / "libnvidia-ml.so.1").write_text("no library")
        return read_in_child({"LD_LIBRARY_PATH": str(tmp_path)})

    return read
