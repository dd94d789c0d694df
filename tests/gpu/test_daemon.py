"""The whole daemon on a machine whose GPUs appear, fill up, break and recover.

The program, its loop, pool and spool, and pynvml are real; the driver library and the workers are
the tests' own (``daemon_process``). Two tests run the program with none of its parts replaced.
"""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.gpu.torch_build import is_cuda_usable
from tests.gpu.machine import PATIENCE, Gpu, Machine

if TYPE_CHECKING:
    from tests.gpu.conftest import Build

pytestmark = pytest.mark.slow

DEMO = Path(__file__).resolve().parents[2] / "demo"
SPEECH, PRESENTER = DEMO / "speech.wav", DEMO / "presenter.mp4"
ITSELF = ("-c", "from heygem_daemon.cli import main; main()")


@pytest.fixture
def machine(driver_folder: Path, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path, driver_folder)
    yield made
    made.end()


def published(machine: Machine, name: str) -> Callable[[], bool]:
    return lambda: machine.ran_on(name) is not None


def held(machine: Machine, words: str) -> Callable[[], bool]:
    return lambda: words in machine.hold()


def at_work(machine: Machine) -> list[str]:
    jobs = machine.status().get("jobs", ())
    return [job["name"] for job in jobs if job["stage"] == "render"]


def test_a_job_waits_while_the_gpu_is_full_and_starts_when_it_is_free(machine: Machine) -> None:
    gpu = Gpu("GPU-aaaa", tenants=(14.0, 8.5))
    machine.gpus = [gpu]
    machine.start("run", "--device", "cuda")
    machine.drop("talk")
    machine.until(held(machine, "GiB free of 24.0"))
    assert machine.ran_on("talk") is None
    gpu.tenants = (14.0, 9.0)
    machine.change()
    machine.until(held(machine, "1.0 GiB free"))
    gpu.tenants = (14.0,)
    machine.change()
    machine.until(published(machine, "talk"))
    assert machine.ran_on("talk") == "GPU-aaaa"
    output = machine.output()
    assert output.count("jobs wait for a device") == 1
    assert "the queue goes on: GPU 0 (NVIDIA L4) can take a job" in output


def test_each_job_goes_to_a_gpu_that_has_room_while_tenants_come_and_go(machine: Machine) -> None:
    first, second = Gpu("GPU-aaaa", tenants=(23.0,)), Gpu("GPU-bbbb")
    machine.gpus = [first, second]
    machine.start("run", "--device", "cuda")
    machine.drop("one")
    machine.until(published(machine, "one"))
    first.tenants, second.tenants = (), (22.5,)
    machine.change()
    machine.drop("two")
    machine.until(published(machine, "two"))
    first.tenants, second.tenants = (12.0, 11.0), (23.0,)
    machine.change()
    machine.drop("three")
    machine.until(held(machine, "GPU 1 (NVIDIA L4, GPU-bbbb)"))
    second.tenants = (3.0, 2.0, 1.0)
    machine.change()
    machine.until(published(machine, "three"))
    ran = [machine.ran_on(name) for name in ("one", "two", "three")]
    assert ran == ["GPU-bbbb", "GPU-aaaa", "GPU-bbbb"]


def test_rule_29_a_gpu_that_is_lost_in_the_middle_of_a_job_costs_no_attempt_and_is_waited_for(
    machine: Machine,
) -> None:
    gpu = Gpu("GPU-aaaa")
    machine.gpus = [gpu]
    machine.start("run", "--device", "cuda")
    go = machine.folder / "go"
    machine.drop("talk", f"linger {go}")
    machine.until(lambda: "attempt 1" in machine.output())
    gpu.error = 15
    machine.change()
    machine.until(lambda: "GPU 0 (NVIDIA L4, GPU-aaaa) is not used: lost" in machine.output())
    machine.until(lambda: "The GPU failed" in machine.output())
    go.touch()
    machine.drop("second")
    machine.until(held(machine, "lost to the driver"))
    assert machine.ran_on("talk") is None
    gpu.error = 0
    machine.change()
    machine.until(published(machine, "talk"))
    machine.until(published(machine, "second"))
    output = machine.output()
    assert "GPU 0 (NVIDIA L4, GPU-aaaa) can be used again" in output
    assert "attempt 2" not in output


def test_a_job_of_a_lost_gpu_goes_on_upon_another(machine: Machine) -> None:
    first, second = Gpu("GPU-aaaa"), Gpu("GPU-bbbb", tenants=(10.0,))
    machine.gpus = [first, second]
    machine.start("run", "--device", "cuda")
    go = machine.folder / "go"
    machine.drop("talk", f"linger {go}")
    machine.until(lambda: "attempt 1" in machine.output())
    first.error = 15
    machine.change()
    machine.until(lambda: "The GPU failed" in machine.output())
    go.touch()
    machine.until(published(machine, "talk"))
    assert machine.ran_on("talk") == "GPU-bbbb"


def test_rule_29_a_worker_that_hangs_on_a_lost_gpu_is_ended_and_its_job_goes_on(
    machine: Machine,
) -> None:
    first, second = Gpu("GPU-aaaa"), Gpu("GPU-bbbb", tenants=(10.0,))
    machine.gpus = [first, second]
    machine.start("run", "--device", "cuda")
    go = machine.folder / "go"
    machine.drop("talk", f"hang {go}")
    machine.until(lambda: "attempt 1" in machine.output())
    first.error = 15
    machine.change()
    machine.until(lambda: "was killed" in machine.output())
    go.touch()
    machine.until(published(machine, "talk"))
    assert machine.ran_on("talk") == "GPU-bbbb"
    assert "attempt 2" not in machine.output()


def test_all_gpus_work_at_once_also_for_one_batch(machine: Machine) -> None:
    machine.gpus = [Gpu("GPU-aaaa"), Gpu("GPU-bbbb"), Gpu("GPU-cccc")]
    machine.start("run", "--device", "cuda")
    go = machine.folder / "go"
    machine.drop_batch("launch", 4, f"linger {go}")
    machine.until(lambda: len(at_work(machine)) == 3)
    go.touch()
    outbox = machine.spool / "outbox" / "launch"
    machine.until((outbox / "launch.zip").exists)
    ran = [(outbox / f"v{number}.mp4").read_text(encoding="utf-8") for number in range(4)]
    assert set(ran) == {"GPU-aaaa", "GPU-bbbb", "GPU-cccc"}


def test_gpus_that_come_and_go_need_no_restart(machine: Machine) -> None:
    first, second = Gpu("GPU-aaaa"), Gpu("GPU-bbbb")
    machine.gpus = [first]
    machine.start("run", "--device", "cuda")
    go = machine.folder / "go"
    machine.drop("one", f"linger {go}")
    machine.until(lambda: "attempt 1" in machine.output())
    machine.drop("two")
    machine.gpus = [first, second]
    machine.change()
    machine.until(published(machine, "two"))
    machine.gpus = [second]
    machine.change()
    machine.until(lambda: "GPU 0 (NVIDIA L4, GPU-aaaa) is gone" in machine.output())
    machine.until(lambda: "The GPU failed" in machine.output())
    go.touch()
    machine.until(published(machine, "one"))
    assert (machine.ran_on("one"), machine.ran_on("two")) == ("GPU-bbbb", "GPU-bbbb")


def test_an_idle_worker_gives_its_memory_to_others_that_need_it(machine: Machine) -> None:
    gpu = Gpu("GPU-aaaa")
    machine.gpus = [gpu]
    machine.start("run", "--device", "cuda", "--yield-vram")
    machine.drop("talk")
    machine.until(published(machine, "talk"))
    gpu.tenants, gpu.own_workers = (22.5,), (1.0,)
    machine.change()
    machine.until(lambda: "others need the GPU's memory" in machine.output())
    gpu.tenants, gpu.own_workers = (23.0,), ()
    machine.change()
    machine.drop("later")
    machine.until(held(machine, "GiB free of 24.0"))
    gpu.tenants = ()
    machine.change()
    machine.until(published(machine, "later"))


def test_an_old_driver_serves_as_well(machine: Machine, build: "Build") -> None:
    machine.driver = build("OLD")
    machine.gpus = [Gpu("GPU-aaaa")]
    machine.start("run", "--device", "cuda")
    machine.drop("talk")
    machine.until(published(machine, "talk"))
    assert machine.ran_on("talk") == "GPU-aaaa"


def test_rule_29_an_updated_driver_holds_the_queue_until_it_is_reloaded(
    machine: Machine, build: "Build"
) -> None:
    machine.driver = build()
    machine.gpus = [Gpu("GPU-aaaa")]
    machine.extra_lines = ["module 590"]
    machine.start("run")
    machine.drop("talk")
    machine.until(held(machine, "reboot or reload the driver"))
    library = "libnvidia-ml.so.1"
    (build("LIBRARY=590") / library).replace(machine.driver / library)
    machine.until(published(machine, "talk"))
    assert machine.ran_on("talk") == "GPU-aaaa"
    assert machine.output().count("no GPU can be used") == 1


def test_a_driver_that_hangs_holds_the_queue_and_stops_nothing_else(machine: Machine) -> None:
    machine.gpus = [Gpu("GPU-aaaa")]
    machine.start("run", "--device", "cuda")
    machine.until(lambda: "is here" in machine.output())
    machine.extra_lines = ["hang.nvmlDeviceGetMemoryInfo_v2 1"]
    machine.change()
    machine.until(machine.hangs)
    time.sleep(1.5)  # until the last answer is too old, jobs are rightly placed by it
    machine.drop("talk")
    machine.until(held(machine, "has not answered for"))
    # The loop goes on: it takes what is dropped, and writes its status.
    machine.drop("later")
    machine.until(lambda: len(machine.status()["jobs"]) == 2)
    machine.extra_lines = []
    machine.change()
    machine.until(published(machine, "talk"))
    machine.until(published(machine, "later"))
    assert "the NVIDIA driver answers again" in machine.output()


def test_a_daemon_whose_driver_hangs_stops_when_it_is_asked(machine: Machine) -> None:
    machine.gpus = [Gpu("GPU-aaaa")]
    machine.extra_lines = ["hang.nvmlInitWithFlags 1"]
    machine.start("run", "--device", "cuda")
    machine.drop("talk")
    machine.until(held(machine, "the NVIDIA driver has not answered"))
    machine.daemons[0].send_signal(signal.SIGTERM)
    assert machine.daemons[0].wait(PATIENCE) == 0, machine.output()
    assert machine.status()["state"] == "stopped"


def test_a_driver_that_comes_later_is_found(machine: Machine) -> None:
    machine.gpus = [Gpu("GPU-aaaa")]
    machine.extra_lines = ["fail.nvmlInitWithFlags 9"]
    machine.start("run", "--device", "cuda")
    machine.drop("talk")
    machine.until(held(machine, "the NVIDIA kernel driver is not loaded"))
    machine.extra_lines = []
    machine.change()
    machine.until(published(machine, "talk"))


def test_rule_23_the_daemon_itself_has_no_part_of_cuda_in_it(machine: Machine) -> None:
    machine.gpus = [Gpu("GPU-aaaa")]
    machine.start("run", "--device", "cuda")
    go = machine.folder / "go"
    machine.drop("talk", f"linger {go}")
    machine.until(lambda: "model loaded" in machine.output())
    mapped = Path(f"/proc/{machine.daemons[0].pid}/maps").read_text(encoding="utf-8")
    assert str(machine.driver / "libnvidia-ml.so.1") in mapped
    assert not [name for name in ("libcuda", "libcudart", "libtorch", "libav") if name in mapped]
    go.touch()
    machine.until(published(machine, "talk"))


def test_a_gpu_with_an_xid_of_the_hardware_gets_no_job(machine: Machine) -> None:
    machine.gpus = [Gpu("GPU-aaaa"), Gpu("GPU-bbbb", tenants=(10.0,))]
    machine.start("run", "--device", "cuda")
    machine.until(lambda: "GPU 1 (NVIDIA L4, GPU-bbbb) is here" in machine.output())
    machine.extra_lines = ["xids 0:48"]
    machine.change()
    machine.until(lambda: "the driver reported Xid 48 of it" in machine.output())
    machine.drop("talk")
    machine.until(published(machine, "talk"))
    assert machine.ran_on("talk") == "GPU-bbbb"


def test_rule_24_an_instance_of_a_divided_gpu_is_used_by_its_own_uuid(machine: Machine) -> None:
    instance = [f"10.{line[2:]}" for line in Gpu("MIG-1234").lines(0)]
    machine.gpus = [Gpu("GPU-aaaa")]
    machine.extra_lines = ["0.mig 1", *instance]
    machine.start("run", "--device", "MIG-1234")
    machine.drop("talk")
    machine.until(published(machine, "talk"))
    assert machine.ran_on("talk") == "MIG-1234"


def test_who_computes_on_the_cpu_alone_leaves_the_driver_alone(machine: Machine) -> None:
    machine.gpus = [Gpu("GPU-aaaa")]
    machine.start("run", "--device", "cpu")
    machine.until(lambda: "heygem-daemon" in machine.output() and "started" in machine.output())
    mapped = Path(f"/proc/{machine.daemons[0].pid}/maps").read_text(encoding="utf-8")
    assert "libnvidia-ml" not in mapped
    assert "GPU" not in machine.output()


def test_the_program_itself_never_computes_on_the_cpu_beside_a_driver_at_fault(
    machine: Machine,
) -> None:
    machine.gpus = [Gpu("GPU-aaaa")]
    machine.extra_lines = ["fail.nvmlInitWithFlags 18"]
    machine.start("run", "--device", "auto", program=ITSELF)
    machine.drop_media(SPEECH, PRESENTER)
    machine.until(held(machine, "reboot or reload the driver"))
    assert [job["state"] for job in machine.status()["jobs"]] == ["queued"]
    assert "rendering on the CPU" not in machine.output()


@pytest.mark.skipif(is_cuda_usable(), reason="the installed torch is built for CUDA")
def test_the_program_itself_names_the_gpu_that_its_torch_cannot_use(machine: Machine) -> None:
    machine.gpus = [Gpu("GPU-aaaa")]
    machine.start("run", "--device", "cuda", program=ITSELF)
    machine.drop_media(SPEECH, PRESENTER)
    machine.until(held(machine, "built without CUDA and cannot use the NVIDIA L4"))
    output = machine.output()
    assert "NVIDIA driver 580.65.06, serves CUDA up to 13.0" in output
    assert "GPU 0 (NVIDIA L4, GPU-aaaa) is here: 24.0 of 24.0 GiB free" in output
