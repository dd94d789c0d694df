"""Batches that shrink when memory runs out and grow again: the policy, with scripted failures."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
import torch

from heygem_daemon.device.batching import (
    INITIAL_PATIENCE,
    MAX_PATIENCE,
    BatchSizer,
    fitting_batch_size,
)


class Device:
    """A device with room for ``room`` pictures at once. ``script``: number of a call → room from
    that call on."""

    def __init__(self, room: int, script: dict[int, int] | None = None) -> None:
        self.room = room
        self.script = script or {}
        self.calls = 0
        self.batch_sizes: list[int] = []
        self.releases = 0

    def work(self, part: slice) -> list[int]:
        self.room = self.script.get(self.calls, self.room)
        self.calls += 1
        numbers = list(range(part.start, part.stop))
        self.batch_sizes.append(len(numbers))
        if len(numbers) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return numbers

    def release(self) -> None:
        self.releases += 1


def drawn(batching: BatchSizer, count: int, work: Callable[[slice], Iterable[int]]) -> list[int]:
    return [number for part in batching.run(count, work) for number in part]


@pytest.mark.parametrize(
    ("max_size", "item_bytes", "free", "size"),
    [
        (32, 10, 400, 32),
        (32, 10, 399, 16),
        (32, 10, 100, 8),
        (32, 10, 0, 1),
        (32, 10, None, 32),
        (24, 10, 130, 6),
        (1, 10, 0, 1),
    ],
)
def test_a_batch_takes_no_more_than_its_share_of_what_is_free(
    max_size: int, item_bytes: int, free: int | None, size: int
) -> None:
    assert fitting_batch_size(max_size, item_bytes, free) == size


def test_nothing_changes_where_all_fits() -> None:
    reports: list[str] = []
    device, batching = Device(8), BatchSizer(8, report=reports.append)
    assert drawn(batching, 20, device.work) == list(range(20))
    assert device.batch_sizes == [8, 8, 4]
    assert reports == []


def test_rule_27_out_of_memory_halves_the_batch_and_loses_no_picture() -> None:
    reports: list[str] = []
    device = Device(2)
    batching = BatchSizer(8, release_memory=device.release, report=reports.append)
    assert drawn(batching, 9, device.work) == list(range(9))
    assert device.batch_sizes == [8, 4, 2, 2, 2, 2, 1]
    assert device.releases == 2
    assert reports == [
        "Memory ran out; the batch is now 4 pictures.",
        "Memory ran out; the batch is now 2 pictures.",
    ]


def test_no_room_for_one_picture_raises() -> None:
    device, batching = Device(0), BatchSizer(4)
    with pytest.raises(torch.OutOfMemoryError):
        drawn(batching, 4, device.work)
    assert device.batch_sizes == [4, 2, 1]


def test_other_errors_are_not_taken_for_want_of_memory() -> None:
    def broken(part: slice) -> list[int]:
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    with pytest.raises(torch.AcceleratorError):
        drawn(BatchSizer(4), 4, broken)


def test_what_failed_is_freed_before_the_cache_is_released() -> None:
    held: list[int] = []

    class Tensor:
        def __init__(self) -> None:
            held.append(1)

        def __del__(self) -> None:
            held.pop()

    def work(part: slice) -> list[int]:
        tensor = Tensor()
        if part.stop - part.start > 1:
            raise torch.OutOfMemoryError(str(id(tensor)))
        return [part.start]

    held_at_release: list[int] = []
    sizer = BatchSizer(2, release_memory=lambda: held_at_release.append(len(held)))
    drawn(sizer, 2, work)
    assert held_at_release == [0]


def test_the_batch_grows_again_when_memory_is_back() -> None:
    reports: list[str] = []
    device, batching = Device(8, {0: 2, 3: 8}), BatchSizer(8, report=reports.append)
    drawn(batching, 2 * INITIAL_PATIENCE, device.work)
    assert batching.size == 4
    drawn(batching, 4 * INITIAL_PATIENCE, device.work)
    assert batching.size == 8
    assert len(reports) == 2


def test_a_larger_batch_that_does_not_fit_is_tried_ever_less_often() -> None:
    reports: list[str] = []
    device, batching = Device(4), BatchSizer(8, report=reports.append)
    pictures = 4 * INITIAL_PATIENCE * 200
    assert drawn(batching, pictures, device.work) == list(range(pictures))
    tries = [call for call, count in enumerate(device.batch_sizes) if count == 8]
    pauses = [after - before for before, after in pairwise(tries)]
    assert pauses[:3] == [INITIAL_PATIENCE + 1, 2 * INITIAL_PATIENCE + 1, 4 * INITIAL_PATIENCE + 1]
    assert max(pauses) == MAX_PATIENCE + 1
    assert reports == ["Memory ran out; the batch is now 4 pictures."]


def test_it_may_begin_small_where_little_is_free() -> None:
    reports: list[str] = []
    device, batching = Device(8), BatchSizer(8, size=2, report=reports.append)
    drawn(batching, 2 * INITIAL_PATIENCE, device.work)
    assert batching.size == 4
    assert reports == []


def test_a_new_job_begins_anew() -> None:
    reports: list[str] = []
    device, batching = Device(2), BatchSizer(8, report=reports.append)
    drawn(batching, 8, device.work)
    batching.reset(16)
    assert batching.size == 8
    drawn(batching, 8, device.work)
    assert len(reports) == 4
