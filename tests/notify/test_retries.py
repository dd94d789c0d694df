"""One target's thread: order, tries, limits, and the end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from heygem_daemon.notify.occasion import Delivery, Errand, Occasion, Postponed
from heygem_daemon.notify.retries import (
    MAX_TRIES,
    MAX_WAITING,
    DeliveryThread,
    Recipient,
    pause_seconds,
)
from heygem_daemon.notify.senders import NotDelivered
from tests.notify.conftest import occasion, wait_until


class Target:
    """Refuses as often as told, then takes everything."""

    def __init__(self, refusals: int = 0, *, is_final: bool = False) -> None:
        self.refusals = refusals
        self.is_final = is_final
        self.taken: list[str] = []
        self.open = threading.Event()
        self.open.set()

    def __call__(self, given: Occasion) -> None:
        self.open.wait(30)
        if self.refusals:
            self.refusals -= 1
            raise NotDelivered("busy", is_final=self.is_final)
        self.taken.append(given.id)


@contextmanager
def thread(target: Target, pause: float = 0.0) -> Iterator[tuple[DeliveryThread, list[Delivery]]]:
    ended: list[Delivery] = []
    made = DeliveryThread(
        Recipient("t", ("failed", "on_hold"), target), ended.append, lambda _tries: pause
    )
    yield made, ended
    target.open.set()
    made.finish(5)


def test_pauses_grow_from_seconds_to_a_quarter_of_an_hour() -> None:
    pauses = [pause_seconds(tries) for tries in range(1, MAX_TRIES)]
    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 900
    assert 2 * 3600 < sum(pauses) < 4 * 3600


def test_a_busy_target_is_tried_again_and_order_is_kept() -> None:
    target = Target(refusals=3)
    with thread(target) as (made, ended):
        made.add(occasion(id="1"))
        made.add(occasion(id="2"))
        wait_until(lambda: len(ended) == 2)
    assert target.taken == ["1", "2"]
    assert [(each.outcome, each.tries) for each in ended] == [("delivered", 4), ("delivered", 1)]


def test_each_failed_try_says_when_the_next_one_comes() -> None:
    said: list[Postponed] = []
    ended: list[Delivery] = []
    recipient = Recipient("t", ("failed",), Target(refusals=2))
    made = DeliveryThread(recipient, ended.append, lambda tries: tries / 100, said.append)
    made.add(occasion())
    wait_until(lambda: ended)
    made.finish(5)
    assert [(each.tries, each.seconds, each.reason) for each in said] == [
        (1, 0.01, "busy"),
        (2, 0.02, "busy"),
    ]


def test_what_a_target_refuses_for_good_or_for_hours_is_given_up() -> None:
    for target, tries in ((Target(1, is_final=True), 1), (Target(99), MAX_TRIES)):
        with thread(target) as (made, ended):
            made.add(occasion())
            wait_until(lambda: ended)
        assert (ended[0].outcome, ended[0].tries, ended[0].reason) == ("failed", tries, "busy")


def test_a_target_is_told_only_of_its_events_and_of_what_is_meant_for_it() -> None:
    recipient = Recipient("t", ("failed", "on_hold"), Target())
    assert not recipient.wants(Errand(occasion=occasion("published")))
    assert not recipient.wants(Errand(occasion=occasion("on_hold"), targets=("other",)))
    assert recipient.wants(Errand(occasion=occasion("on_hold")))
    assert recipient.wants(Errand(occasion=occasion("on_hold"), targets=("other", "t")))


def test_too_many_that_wait_push_out_the_oldest() -> None:
    target = Target()
    target.open.clear()
    with thread(target) as (made, ended):
        for number in range(MAX_WAITING + 11):
            made.add(occasion(id=str(number)))
        dropped = [each for each in ended if each.outcome == "dropped"]
        assert 10 <= len(dropped) <= 11  # one may be in the thread's hand
        target.open.set()
        wait_until(lambda: len(ended) == MAX_WAITING + 11)
    assert target.taken[-1] == str(MAX_WAITING + 10)


def test_a_bug_of_a_sender_concerns_one_occasion() -> None:
    calls = []

    def send(given: Occasion) -> None:
        calls.append(given.id)
        if given.id == "1":
            raise KeyError("with a secret")

    ended: list[Delivery] = []
    made = DeliveryThread(Recipient("t", ("failed",), send), ended.append)
    made.add(occasion(id="1"))
    made.add(occasion(id="2"))
    wait_until(lambda: len(ended) == 2)
    made.finish(5)
    assert [each.outcome for each in ended] == ["failed", "delivered"]
    assert ended[0].reason == "a bug (KeyError)"


def test_the_end_does_not_wait_for_the_next_try_which_is_still_to_come() -> None:
    target = Target(refusals=99)
    with thread(target, pause=600) as (made, ended):
        made.add(occasion())
        wait_until(lambda: target.refusals == 98)
        made.finish(5)
        assert ended == []


def test_refused_jobs_push_out_no_results() -> None:
    target = Target()
    target.open.clear()
    with thread(target) as (made, ended):
        made.add(occasion("failed", id="first"))
        made.add(occasion("published", id="result"))
        for number in range(MAX_WAITING + 5):
            made.add(occasion("failed", id=str(number)))
        assert {each.outcome for each in ended} == {"dropped"}
        assert "result" not in {each.id for each in ended}
        target.open.set()
        wait_until(lambda: "result" in target.taken)


def test_the_jobs_of_one_owner_push_out_none_of_another() -> None:
    target = Target()
    target.open.clear()
    with thread(target) as (made, ended):
        for kind in ("failed", "published"):
            made.add(occasion(kind, id=f"anna {kind}", owner="anna"))
        for number in range(2 * MAX_WAITING):
            made.add(occasion("failed", id=str(number), owner="mallory"))
        assert not {each.id for each in ended} & {"anna failed", "anna published"}
        target.open.set()
        wait_until(lambda: {"anna failed", "anna published"} <= {*target.taken})
