"""A scripted driver library for the tests of GPU readings."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

READER = Path(__file__).with_name("reader_process.py")
SOURCE = Path(__file__).with_name("stub_nvml.c")
LIBRARY = "libnvidia-ml.so.1"

Build = Callable[..., Path]
Driver = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Compile the stub into a new folder's libnvidia-ml.so.1, with some definitions."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler on this machine to build the scripted driver library with")

    def built(*definitions: str) -> Path:
        folder = tmp_path_factory.mktemp("driver")
        flags = [f"-D{definition}" for definition in definitions]
        command = [compiler, "-shared", "-fPIC", *flags, "-o", str(folder / LIBRARY), str(SOURCE)]
        subprocess.run(command, check=True)
        return folder

    return built


@pytest.fixture(scope="session")
def driver_folder(build: Build) -> Path:
    """A folder with the library of a recent driver."""
    return build()


@dataclass
class Reader:
    """A process whose real pynvml reads on request."""

    script: Path
    child: "subprocess.Popen[str]"

    def read(self, script: str | None = None, at: float = 0.0) -> dict[str, Any]:
        """Return ``Nvml.read()`` as a dictionary.

        ``script`` replaces the stub's script, if given. ``at`` is the time of the clock in seconds.
        """
        if script is not None:
            draft = self.script.with_suffix(".new")
            draft.write_text(script)
            draft.replace(self.script)
        return self._ask("read", at)

    def bind_gpus(self, *addresses: str) -> None:
        """Let the kernel driver manage the GPUs at these PCI addresses, and no others."""
        folder = self.script.parent / "bound"
        shutil.rmtree(folder, ignore_errors=True)
        for address in addresses:
            (folder / address).mkdir(parents=True)

    def restart(self) -> None:
        """Forget all earlier readings."""
        self._ask("restart", 0.0)

    def library_in_memory(self) -> str:
        """Return the path from which the process has loaded the driver library, or ''."""
        return str(self._ask("library", 0.0)["path"])

    def _ask(self, what: str, at: float) -> dict[str, Any]:
        stdin, stdout = self.child.stdin, self.child.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([what, at]) + "\n")
        stdin.flush()
        answer: dict[str, Any] = json.loads(stdout.readline())
        return answer


Start = Callable[[Path], Reader]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a reader with the driver library of a folder."""
    readers = []

    def started(folder: Path) -> Reader:
        script = tmp_path_factory.mktemp("reader") / "script"
        script.touch()
        child = subprocess.Popen(
            [sys.executable, "-W", "error", str(READER), str(script.parent / "bound")],
            env={**os.environ, "LD_LIBRARY_PATH": str(folder), "NVML_STUB": str(script)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        readers.append(Reader(script, child))
        return readers[-1]

    yield started
    for reader in readers:
        reader.child.kill()
        reader.child.communicate()


@pytest.fixture(scope="session")
def usual_reader(start: Start, driver_folder: Path) -> Reader:
    return start(driver_folder)


@pytest.fixture
def driver(usual_reader: Reader) -> Driver:
    """Read under a script, with the library of a recent driver."""
    usual_reader.restart()
    return usual_reader.read


@pytest.fixture(scope="session")
def old_driver(start: Start, build: Build) -> Driver:
    """Read under a script, with the library of a driver before R535."""
    return start(build("OLD")).read
