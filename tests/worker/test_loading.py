"""Engines are loaded onto the device that was chosen, or refused; what they need is measured."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from heygem_daemon.device.memory import DeviceMemory
from heygem_daemon.engines.base import Device
from heygem_daemon.engines.checkpoints import weights_fingerprint
from heygem_daemon.errors import DeviceUnavailable, EnvironmentFault
from heygem_daemon.gpu.needs import ESTIMATE, load_need, save_need
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.protocol import Load, LogMessage, Render, Unfit
from heygem_daemon.worker.executor import WorkerEvent
from heygem_daemon.worker.loading import Loader, ready_message, require_on_device
from heygem_daemon.worker.pool import WorkerPool

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"


def on_gpu(uuid: str = "GPU-aaaa") -> Load:
    return Load(engine="none", device="cuda:0", uuid=uuid, weights="w", cache="c")


def test_a_gpu_that_cuda_does_not_show_is_no_device_and_nothing_falls_back() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(DeviceUnavailable, match="no GPU, though GPU-aaaa was chosen"):
        Loader().load(on_gpu())


@pytest.mark.slow
def test_the_real_worker_refuses_to_compute_elsewhere(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    woken = threading.Event()
    pool = WorkerPool("builtin", WEIGHTS, tmp_path, on_event=woken.set)
    pool.submit(
        DeviceChoice("cuda:0", "GPU-aaaa", "NVIDIA L4"),
        Render(job_id="one", audio="a", video="v", workspace="w"),
    )
    events: list[WorkerEvent] = []
    while pool.occupancies():
        assert woken.wait(120)
        woken.clear()
        events += pool.poll()
    (unfit,) = [event.message for event in events if not isinstance(event.message, LogMessage)]
    assert unfit == Unfit(reason="CUDA shows this worker no GPU, though GPU-aaaa was chosen.")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """CUDA that shows one GPU, of UUID aaaa, with 8 GiB free."""
    before = torch.backends.cudnn.allow_tf32
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "NVIDIA L4")
    properties = SimpleNamespace(uuid="aaaa")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (8 << 30, 24 << 30))
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(
    ("uuid", "message"), [("GPU-bbbb", "CUDA shows it GPU-aaaa"), ("GPU-aaaa", "no engine 'none'")]
)
def test_rule_24_the_gpu_that_cuda_shows_must_be_the_chosen_one(uuid: str, message: str) -> None:
    with pytest.raises(EnvironmentFault, match=message):
        Loader().load(on_gpu(uuid))


@pytest.mark.usefixtures("cuda")
def test_rule_24_an_instance_of_a_divided_gpu_must_be_the_only_one_that_cuda_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its properties carry the whole GPU's UUID, so that cannot be compared."""
    with pytest.raises(EnvironmentFault, match="no engine 'none'"):
        Loader().load(on_gpu("MIG-1234"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(DeviceUnavailable, match="MIG-1234 alone, but CUDA shows it 2 GPUs"):
        Loader().load(on_gpu("MIG-1234"))


@pytest.mark.usefixtures("cuda")
def test_on_a_gpu_float32_means_float32() -> None:
    with pytest.raises(EnvironmentFault):
        Loader().load(on_gpu())
    assert not torch.backends.cudnn.allow_tf32


def test_weights_that_lie_elsewhere_are_refused() -> None:
    engine: Any = SimpleNamespace(
        name="builtin",
        device=Device("cuda:0", "NVIDIA L4", "GPU-aaaa"),
        networks=(nn.Linear(1, 1),),
    )
    with pytest.raises(DeviceUnavailable, match="loaded to cpu, though cuda:0 was chosen"):
        require_on_device(engine)


@pytest.mark.slow
def test_what_the_builtin_engine_needs_is_measured_once_and_reported(tmp_path: Path) -> None:
    load = Load(
        engine="auto", device="cpu", device_name="CPU", weights=str(WEIGHTS), cache=str(tmp_path)
    )
    loader = Loader()
    engine = loader.load(load)
    need = loader.resolve_need(engine, load)
    assert need.measured
    assert need.host_bytes > need.resident_bytes > 0
    assert need.least_batch == engine.batch
    stamp = weights_fingerprint(WEIGHTS)
    assert load_need(tmp_path, "auto", stamp, "CPU") == need
    assert load_need(tmp_path, engine.name, stamp, "CPU") == need
    assert load_need(tmp_path, "auto", stamp, "NVIDIA L4") == ESTIMATE
    ready = ready_message(engine, need, 1.0)
    assert ready.parameters_device == "cpu"
    assert ready.host_bytes == need.host_bytes
    assert loader.resolve_need(engine, load) == need


class Gpu(DeviceMemory):
    """A GPU of 10,000 bytes: engines take 1000 each, and 10 for each frame that they draw."""

    overhead_bytes = 100

    def __init__(self) -> None:
        self.engines = self.kernels = self.most = 0

    def load(self, *_: object) -> Any:
        self.engines += 1
        return SimpleNamespace(name=f"engine {self.engines}", device=DEVICE, networks=(), batch=8)

    def try_out(self, _engine: object, frames: int) -> None:
        self.kernels = 50
        self.most = max(self.most, self.used_bytes() + 10 * frames)

    def free_bytes(self) -> int:
        return 10_000 - self.kernels - self.used_bytes()

    def used_bytes(self) -> int:
        return 1000 * self.engines

    def peak_bytes(self) -> int:
        return self.most

    def reset_peak(self) -> None:
        self.most = self.used_bytes()

    def release_cached(self) -> None: ...


DEVICE = Device("cuda:0", "NVIDIA L4", "GPU-aaaa")


@pytest.mark.usefixtures("cuda")
def test_each_engine_of_a_worker_is_measured_by_itself_with_what_cuda_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Gpu()
    monkeypatch.setattr("heygem_daemon.device.memory.device_memory", lambda device: gpu)
    monkeypatch.setattr("heygem_daemon.engines.registry.load_engine", gpu.load)
    monkeypatch.setattr(
        "heygem_daemon.engines.trial.Trial", lambda engine: partial(gpu.try_out, engine)
    )
    loader, load = Loader(), on_gpu().model_copy(update={"cache": str(tmp_path)})
    for _ in range(2):
        engine = loader.load(load)
        need = loader.resolve_need(engine, load)
        assert need.resident_bytes == 1000 + gpu.overhead_bytes + gpu.kernels
        assert need.per_frame_bytes == engine.bytes_per_frame == 10
        assert load_need(tmp_path, engine.name, weights_fingerprint(Path("w")), "NVIDIA L4") == need


def test_a_job_that_took_more_than_was_measured_corrects_the_figure(tmp_path: Path) -> None:
    load = Load(
        engine="auto", device="cpu", device_name="CPU", weights=str(WEIGHTS), cache=str(tmp_path)
    )
    where = (weights_fingerprint(WEIGHTS), "CPU")
    engine: Any = SimpleNamespace(name="builtin", device=Device())
    loader = Loader()
    loader.record_peak(engine, load)
    assert not load_need(tmp_path, "builtin", *where).measured
    small = ESTIMATE.model_copy(update={"host_bytes": 1, "measured": True})
    save_need(tmp_path, "builtin", *where, small)
    loader.record_peak(engine, load)
    learned = load_need(tmp_path, "auto", *where)
    assert learned.host_bytes > 10 << 20
    assert learned == small.model_copy(update={"host_bytes": learned.host_bytes})
    assert load_need(tmp_path, "builtin", *where) == learned
