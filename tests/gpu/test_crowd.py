"""The benchmark with another program on the GPU, which the scripted driver library simulates."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.on_gpu.bench import Pair
from benchmarks.on_gpu.crowd import before, during
from benchmarks.on_gpu.program import Live
from tests.gpu.machine import Gpu, Machine

pytestmark = pytest.mark.slow


class ScriptedTenant:
    """Holds GPU memory; when it releases the memory, it lets a job that lingers finish."""

    def __init__(self, machine: Machine, go: Path) -> None:
        self._machine = machine
        self._go = go

    def take_all_but(self, mebibytes: int) -> int:
        return self._hold((24 - mebibytes / 1024,))

    def give_back(self) -> int:
        self._go.touch()
        return self._hold(())

    def _hold(self, gib: tuple[float, ...]) -> int:
        self._machine.gpus[0].tenants = gib
        self._machine.change()
        return round(sum(gib) * 1024)


@pytest.fixture
def machine(driver_folder: Path, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, driver_folder)
    made.gpus = [Gpu("GPU-aaaa")]
    yield made
    made.end()


def test_a_full_gpu_lets_the_job_wait_and_a_job_at_work_goes_on(machine: Machine) -> None:
    go = machine.folder / "go"
    audio, video = machine.folder / "talk.wav", machine.folder / "talk.mp4"
    audio.write_text(f"linger {go}")
    video.write_text("video")
    pair = Pair("talk", audio, video, 1.0)
    other = ScriptedTenant(machine, go)
    other.take_all_but(256)
    machine.start("run", "--device", "cuda")
    machine.spool.mkdir(exist_ok=True)
    (machine.spool / "console.log").symlink_to(machine.folder / "output")
    live = Live(machine.daemons[0], machine.spool)
    rows = dict(before(live, other, pair))
    assert "0.2 GiB free of 24.0" in rows["the job's state"]
    assert rows["published, attempts"] == "before, 1"
    assert 0 <= float(rows["from giving back to the job's start, s"]) < 30
    go.unlink()
    rows = dict(during(live, other, pair))
    assert rows["taken while it was at 'render', MiB"] == str(24 * 1024)
    assert "running, render, 5 frames" in rows["meanwhile"]
    assert rows["published, attempts"] == "during, 1"
