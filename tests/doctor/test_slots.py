"""How many jobs run at the same time, as the doctor sees it."""

from dataclasses import replace

from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.check import Check
from heygem_daemon.doctor.slots import slots_check
from heygem_daemon.gpu.needs import ESTIMATE, Need
from heygem_daemon.system.processors import Processors
from heygem_daemon.system.units import GIB
from tests.fakes.gpu import gpu

MEASURED = Need(resident_bytes=0, per_frame_bytes=0, host_bytes=GIB, measured=True)


def found(need: Need = MEASURED, gpus: int = 0, memory_gib: int = 64, **settings: object) -> Check:
    given = Settings.model_validate(settings)
    shown = [gpu(number) for number in range(gpus)]
    return slots_check(given, shown, need, Processors(8, 4), memory_gib * GIB)


def test_cores_or_memory_limit_the_jobs_on_the_cpu() -> None:
    assert found() == Check(
        "jobs at a time", "pass", "4 on the CPU, by its cores", figures={"cpu_slots": 4}
    )
    assert found(memory_gib=12).detail == "2 on the CPU, by the memory"


def test_an_engine_that_was_not_measured_yet_has_one() -> None:
    assert found(ESTIMATE).detail == "1 on the CPU until its engine is measured, then up to 4"


def test_more_workers_than_cores_are_warned_of() -> None:
    assert found(cpu_workers=3).verdict == "pass"
    many = found(cpu_workers=9)
    assert (many.verdict, many.detail) == ("warn", "9 on the CPU (cpu_workers), which has 4 cores")
    assert 'cpu_workers to 4 or "auto"' in many.remedy
    assert replace(many, verdict="pass").figures == {"cpu_slots": 9}


def test_gpus_have_the_jobs_of_the_settings() -> None:
    assert found(gpus=2, jobs_per_gpu=3).detail == "3 on each GPU, 2 in all (jobs_per_gpu)"
    assert found(gpus=2, jobs_per_gpu="auto").detail.startswith("1 on each GPU, 2 in all, at first")
