"""Who goes next, and that nobody waits too long: a simulation of the devices."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heygem_daemon.service.turns import (
    Arrival,
    DeviceLoad,
    FairnessKey,
    TurnHistory,
    find_heads,
    in_turn,
)


@dataclass(frozen=True)
class Item:
    """Something that waits, and how long it takes once it runs."""

    owner: str
    batch: str | None
    number: int
    priority: int = 0
    seconds: int = 1
    at: int = 0
    """When it arrives."""

    @property
    def key(self) -> FairnessKey:
        return FairnessKey(self.owner, self.batch)

    @property
    def arrival(self) -> Arrival:
        return self.at, self.number, ""


@dataclass(frozen=True)
class Start:
    """One start in a simulation."""

    item: Item
    at: int
    waiting: tuple[Item, ...]
    """What waited then, the item included."""

    running: tuple[Item, ...]
    """What ran already."""


def simulate(items: Sequence[Item], capacity: int) -> list[Start]:
    """Run all items on ``capacity`` devices, each as soon as it is its turn."""
    history, now, starts = TurnHistory(), 0, []
    coming = sorted(items, key=lambda each: (each.at, each.number))
    waiting: list[Item] = []
    running: list[tuple[int, Item]] = []
    while coming or waiting or running:
        while coming and coming[0].at <= now:
            history.record_arrival(coming[0].key)
            waiting.append(coming.pop(0))
        running = [each for each in running if each[0] > now]
        while waiting and len(running) < capacity:
            present = tuple(item for _, item in running)
            batch_jobs = sum(item.batch is not None for item in present)
            item = next(in_turn(waiting, history, DeviceLoad(capacity, batch_jobs)))
            starts.append(Start(item, now, tuple(waiting), present))
            history.record_start(item, find_heads(waiting))
            waiting.remove(item)
            if all(each.key != item.key for each in waiting):
                history.forget_batch(item.key)
            running.append((now + item.seconds, item))
        now += 1
    return starts


def order(starts: Sequence[Start]) -> list[tuple[str, str | None, int]]:
    return [(start.item.owner, start.item.batch, start.item.number) for start in starts]


UNTIMED = settings(deadline=None)
"""Other programs may use the processor too."""

KINDS = st.tuples(st.sampled_from("abc"), st.sampled_from([None, "x", "y", "z"]))


@st.composite
def crowds(draw: st.DrawFn) -> list[Item]:
    drawn = draw(
        st.lists(
            st.tuples(KINDS, st.integers(-2, 2), st.integers(1, 9), st.integers(0, 30)),
            min_size=1,
            max_size=60,
        )
    )
    return [
        Item(owner, batch and f"{owner} {batch}", number, priority, seconds, at)
        for number, ((owner, batch), priority, seconds, at) in enumerate(drawn)
    ]


@UNTIMED
@given(crowds(), st.integers(1, 4))
def test_everything_runs_once(items: list[Item], capacity: int) -> None:
    starts = simulate(items, capacity)
    assert sorted(start.item.number for start in starts) == [item.number for item in items]


@UNTIMED
@given(crowds(), st.integers(1, 4))
def test_no_owner_who_waits_is_passed_over_for_long(items: list[Item], capacity: int) -> None:
    """Of K owners, each has a turn within 2 K starts, or 4 K once it may have passed another and
    gives a turn for it. On one device nothing else holds a batch back."""
    starts = simulate(items, capacity)
    for owner in "abc":
        has_passed = False
        passed: set[str] = set()
        in_a_row = 0
        for start in starts:
            waits = any(
                item.owner == owner and (capacity == 1 or item.batch is None)
                for item in start.waiting
            )
            passed = passed | {item.owner for item in start.waiting} if waits else set()
            in_a_row = 0 if start.item.owner == owner or not waits else in_a_row + 1
            if start.item.owner == owner:
                passed = set()
                has_passed |= any(
                    item.owner != owner and item.priority < start.item.priority
                    for item in start.waiting
                )
            turns = 4 if has_passed else 2
            assert in_a_row < turns * len(passed | {owner})


@UNTIMED
@given(crowds(), st.integers(1, 4))
def test_within_a_line_the_priority_decides_and_then_the_arrival(
    items: list[Item], capacity: int
) -> None:
    for start in simulate(items, capacity):
        for other in start.waiting:
            if other.key == start.item.key:
                assert (-start.item.priority, start.item.arrival) <= (
                    -other.priority,
                    other.arrival,
                )


@UNTIMED
@given(crowds(), st.integers(1, 4))
def test_one_owner_s_higher_priorities_go_first_where_no_device_is_reserved(
    items: list[Item], capacity: int
) -> None:
    for start in simulate(items, capacity):
        batch_jobs = sum(item.batch is not None for item in start.running)
        own = [item for item in start.waiting if item.owner == start.item.owner]
        if not DeviceLoad(capacity, batch_jobs).is_last_place:
            assert start.item.priority == max(item.priority for item in own)


@UNTIMED
@given(crowds(), st.integers(2, 4))
def test_batches_leave_a_device_to_the_single_jobs(items: list[Item], capacity: int) -> None:
    for start in simulate(items, capacity):
        if start.item.batch is None:
            continue
        all_batches = all(item.batch is not None for item in start.running)
        if all_batches and len(start.running) == capacity - 1:
            singles = [item for item in start.waiting if item.batch is None]
            assert all(item.priority < start.item.priority for item in singles)


@UNTIMED
@given(st.integers(1, 4), st.integers(0, 40), st.sampled_from(["a", "b"]))
def test_a_huge_batch_delays_a_single_pair_by_no_more_than_what_runs(
    capacity: int, at: int, owner: str
) -> None:
    batch = [Item("a", "huge", number, seconds=3) for number in range(100)]
    pair = Item(owner, None, 100, at=at)
    starts = simulate([*batch, pair], capacity)
    (start,) = [each for each in starts if each.item == pair]
    before = [each for each in starts if at < each.at < start.at]
    assert start.at <= at + 3
    assert before == []


@pytest.mark.parametrize(("long", "short"), [(9, 1), (1, 9)])
def test_long_and_short_jobs_of_two_owners_take_turns(long: int, short: int) -> None:
    first = [Item("a", None, number, seconds=long) for number in range(5)]
    second = [Item("b", None, number, seconds=short) for number in range(5, 10)]
    served = [start.item.owner for start in simulate([*first, *second], 1)]
    assert served == ["a", "b"] * 5


def test_new_batches_cannot_pass_an_old_one_again_and_again() -> None:
    old = [Item("a", "old", number) for number in range(3)]
    new = [Item("a", f"new {number}", number, at=number - 2) for number in range(3, 40)]
    served = [start.item for start in simulate([*old, *new], 1)]
    assert [served.index(item) for item in old] == [0, 1, 3]


def test_high_priorities_pass_others_but_not_twice_in_a_row() -> None:
    urgent = [Item("a", None, number, priority=100) for number in range(6)]
    plain = [Item("b", None, number) for number in range(6, 9)]
    served = [start.item.owner for start in simulate([*urgent, *plain], 1)]
    assert "".join(served) == "aabababaa"


def test_a_low_priority_lets_others_pass_once_and_has_its_turn() -> None:
    """As docs/operations.md says of a folder with priority = -10."""
    preview = [Item("preview", None, number, priority=-10) for number in range(3)]
    plain = [Item(owner, None, number) for number in range(3, 9) for owner in "ab"]
    served = [start.item.owner[0] for start in simulate([*preview, *plain], 1)]
    assert served[0] != "p"
    turns = [place for place, owner in enumerate(served) if owner == "p"]
    assert max(after - before for before, after in pairwise([0, *turns])) <= 2 * 3


def test_single_jobs_and_a_batch_of_one_owner_alternate() -> None:
    batch = [Item("a", "x", number) for number in range(4)]
    singles = [Item("a", None, number) for number in range(4, 6)]
    assert order(simulate([*batch, *singles], 1)) == [
        ("a", "x", 0),
        ("a", None, 4),
        ("a", "x", 1),
        ("a", None, 5),
        ("a", "x", 2),
        ("a", "x", 3),
    ]


def test_what_is_not_taken_is_not_computed() -> None:
    history = TurnHistory()
    items = [Item("a", f"batch {number}", number) for number in range(1000)]
    assert next(in_turn(items, history)) == items[0]
    assert next(in_turn(items, history)) == items[0], "looking changes nothing"


def test_new_owners_cannot_pass_an_old_one_again_and_again() -> None:
    """Whoever has many user ids can come as somebody new each time."""
    old = [Item("old", None, number) for number in range(3)]
    new = [Item(f"new {number}", None, number, at=number - 2) for number in range(3, 40)]
    served = [start.item for start in simulate([*old, *new], 1)]
    assert [served.index(item) for item in old] == [0, 2, 5]
