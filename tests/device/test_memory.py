"""A device's memory, of the host and as torch tells it of a GPU."""

import pytest
import torch

from heygem_daemon.device.memory import CudaMemory, HostMemory, memory_of

GIB = 1 << 30


def test_the_hosts_memory_is_that_of_this_process() -> None:
    memory = memory_of("cpu")
    assert isinstance(memory, HostMemory)
    assert 0 < memory.used() <= memory.peak()
    assert memory.room() == pytest.approx(memory.free() + memory.used(), rel=0.1)
    memory.forget_peak()
    memory.relieve()


def test_what_torchs_allocator_only_keeps_is_free_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("cuda:0")
    figures = {
        "mem_get_info": (4 * GIB, 24 * GIB),
        "memory_reserved": 3 * GIB,
        "memory_allocated": 1 * GIB,
        "max_memory_allocated": 2 * GIB,
    }
    for name, figure in figures.items():
        monkeypatch.setattr(torch.cuda, name, lambda asked, figure=figure: figure)
    memory = memory_of("cuda:0")
    assert isinstance(memory, CudaMemory)
    assert memory.free() == 6 * GIB
    assert memory_of("cuda:0", 2 * GIB).free() == 4 * GIB
    assert memory_of("cuda:0", 9 * GIB).free() == 0
    assert memory.used() == GIB
    assert memory.room() == 7 * GIB
    assert memory.peak() == 2 * GIB
    assert memory.unseen_bytes > 0
    calls: list[object] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", calls.append)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append("emptied"))
    memory.forget_peak()
    memory.relieve()
    assert calls == [device, "emptied"]
