"""Measuring what an engine needs, on a fake device."""

import pytest
import torch

from heygem_daemon.device.memory import DeviceMemory
from heygem_daemon.worker.loading import MIN_BATCH, measure_need

WEIGHTS, LISTENING, FRAME = 1000, 500, 10


class Device(DeviceMemory):
    """A device of ``size`` bytes, with an engine whose work takes what the constants say."""

    overhead_bytes = 0

    def __init__(self, size: int) -> None:
        self.size = size
        self.now = self.most = WEIGHTS

    def free_bytes(self) -> int:
        return self.size - self.now

    def used_bytes(self) -> int:
        return self.now

    def peak_bytes(self) -> int:
        return self.most

    def reset_peak(self) -> None:
        self.most = self.now

    def release_cached(self) -> None: ...

    def work(self, frames: int) -> None:
        needed = WEIGHTS + LISTENING + frames * FRAME
        if needed > self.size:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.most = max(self.most, needed)


def test_two_batches_show_what_is_resident_and_what_each_frame_takes() -> None:
    device = Device(10_000)
    need = measure_need(device.work, 32, device)
    assert need.resident_bytes == WEIGHTS + LISTENING
    assert need.per_frame_bytes == FRAME
    assert need.least_batch == MIN_BATCH
    assert need.measured


def test_where_the_batch_does_not_fit_a_smaller_one_is_measured() -> None:
    device = Device(WEIGHTS + LISTENING + 20 * FRAME)
    need = measure_need(device.work, 32, device)
    assert (need.resident_bytes, need.per_frame_bytes) == (WEIGHTS + LISTENING, FRAME)


def test_where_nothing_fits_the_device_says_so() -> None:
    device = Device(WEIGHTS + LISTENING)
    with pytest.raises(torch.OutOfMemoryError):
        measure_need(device.work, 32, device)


def test_an_engine_that_draws_one_frame_at_a_time_needs_no_comparison() -> None:
    device = Device(10_000)
    need = measure_need(device.work, 1, device)
    assert need.resident_bytes == WEIGHTS + LISTENING + FRAME
    assert need.per_frame_bytes == 0
    assert need.least_batch == 1


def test_other_errors_are_not_hidden() -> None:
    def broken(frames: int) -> None:
        raise torch.AcceleratorError("CUDA error: unknown error")

    with pytest.raises(torch.AcceleratorError):
        measure_need(broken, 8, Device(10_000))
