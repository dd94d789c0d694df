"""How many jobs a GPU renders at a time with ``jobs_per_gpu = "auto"``, from what was seen."""

import pytest

from heygem_daemon.service.gpu_slots import GpuLoad, SlotChange, choose_slots


def load(gpu: float, processors: float = 40.0) -> GpuLoad:
    return GpuLoad(30.0, gpu, processors)


def chosen(
    slots: int,
    seen: GpuLoad,
    before: float | None = None,
    limit: int = 8,
    *,
    is_wanted: bool = True,
) -> int:
    change = choose_slots(slots, seen, before, limit, is_wanted=is_wanted)
    assert change is None or abs(change.slots - slots) == 1
    return slots if change is None else change.slots


def test_another_job_is_tried_while_the_gpu_idles_and_the_processors_have_room() -> None:
    assert chosen(1, load(40)) == 2
    assert chosen(2, load(70), before=40) == 3
    assert choose_slots(1, load(40), None, 8, is_wanted=True) == SlotChange(
        2, "it computed 40 % of the time"
    )


@pytest.mark.parametrize(
    "seen", [load(90), load(99, 10), load(40, 81)], ids=["full", "full-2", "processors"]
)
def test_none_is_tried_where_the_gpu_or_the_processors_are_busy(seen: GpuLoad) -> None:
    assert chosen(1, seen) == 1


def test_none_is_tried_where_no_job_waits_or_the_limit_is_reached() -> None:
    assert chosen(1, load(40), is_wanted=False) == 1
    assert chosen(2, load(40), limit=2) == 2
    assert chosen(1, load(40), limit=1) == 1


def test_one_that_brought_nothing_goes_again() -> None:
    assert chosen(2, load(42), before=40) == 1
    assert chosen(2, load(43), before=40) == 3
    assert chosen(3, load(95), before=94) == 2


def test_processors_that_cannot_feed_the_gpu_take_one_away() -> None:
    assert chosen(3, load(60, 97)) == 2
    assert chosen(3, load(95, 97)) == 3
    assert chosen(1, load(60, 100)) == 1


def test_a_load_is_the_mean_over_its_time() -> None:
    seen = GpuLoad().with_sample(1, 20, 10).with_sample(3, 60, 30)
    assert seen == GpuLoad(4, 50, 25)
    assert seen.with_sample(0, 100, 100) == seen
    assert GpuLoad().with_sample(0, 100, 100) == GpuLoad()
