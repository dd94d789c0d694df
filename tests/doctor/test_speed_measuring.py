"""This machine's CPU, measured in a child process."""

import tempfile
from pathlib import Path

import pytest

from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.answers import DeviceSpeed
from heygem_daemon.doctor.speed import measure_device, measure_speeds
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.gpu.reading import GpuReading

pytestmark = pytest.mark.slow

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
GONE = GpuReading("GPU-00000000-0000-0000-0000-000000000000", 0, "NVIDIA L4")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(spool=tmp_path / "spool", engine="builtin")


def test_the_cpu_multiplies_rightly_and_exercises_the_engine(
    settings: Settings, tmp_path: Path
) -> None:
    answer = measure_device(settings, CPU, tmp_path)
    assert isinstance(answer, DeviceSpeed), answer
    assert answer.products[0].precision == "float32"
    assert answer.products[0].error < 1e-4
    assert all(product.teraflops > 0 for product in answer.products)
    assert answer.engine_speed is not None
    assert answer.engine_speed.engine == "builtin"
    assert answer.engine_speed.hearing > 0
    assert (
        0
        < answer.engine_speed.frames_per_second
        < min(answer.engine_speed.tracking, answer.engine_speed.drawing)
    )


def test_an_engine_or_a_gpu_that_is_missing_is_reported_and_nothing_stays_on_disk(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    without = settings.model_copy(update={"engine": "wav2lip", "checkpoints": tmp_path / "none"})
    cpu, gpu = measure_speeds(without, [GONE])
    assert cpu.verdict == "fail"
    assert "float32" in cpu.detail
    assert "could not be loaded" in cpu.detail
    assert gpu.name == "speed of GPU 0"
    assert gpu.verdict == "fail"
    assert gpu.detail
    assert not list(tmp_path.glob("heygem-doctor-*"))
