"""A device's memory: the host's, and a GPU's as torch reports it."""

import pytest
import torch

from heygem_daemon.device.memory import CudaMemory, HostMemory, device_memory

GIB = 1 << 30


def test_the_hosts_memory_is_that_of_this_process() -> None:
    memory = device_memory("cpu")
    assert isinstance(memory, HostMemory)
    assert 0 < memory.used_bytes() <= memory.peak_bytes()
    assert memory.capacity_bytes() == pytest.approx(
        memory.free_bytes() + memory.used_bytes(), rel=0.1
    )
    memory.reset_peak()
    memory.release_cached()


def test_memory_that_torchs_allocator_caches_counts_as_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = torch.device("cuda:0")
    figures = {
        "mem_get_info": (4 * GIB, 24 * GIB),
        "memory_reserved": 3 * GIB,
        "memory_allocated": 1 * GIB,
        "max_memory_allocated": 2 * GIB,
    }
    for name, figure in figures.items():
        monkeypatch.setattr(torch.cuda, name, lambda _device, figure=figure: figure)
    memory = device_memory("cuda:0")
    assert isinstance(memory, CudaMemory)
    assert memory.free_bytes() == 6 * GIB
    assert device_memory("cuda:0", 2 * GIB).free_bytes() == 4 * GIB
    assert device_memory("cuda:0", 9 * GIB).free_bytes() == 0
    assert memory.used_bytes() == GIB
    assert memory.capacity_bytes() == 7 * GIB
    assert memory.peak_bytes() == 2 * GIB
    assert memory.overhead_bytes > 0
    calls: list[object] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", calls.append)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append("emptied"))
    memory.reset_peak()
    memory.release_cached()
    assert calls == [device, "emptied"]
