import threading
from collections.abc import Callable, Iterator

import pytest

from heygem_daemon.render.overlap import Prefetcher, ThreadedSink, run_in_background


def test_items_arrive_in_order() -> None:
    with Prefetcher(range(100), depth=3) as items:
        assert list(items) == list(range(100))


def test_the_source_runs_no_further_ahead_than_the_depth() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    with Prefetcher(source(), depth=4) as items:
        for taken in items:
            # 4 in the queue, one that the producer waits with, and the one just taken
            assert len(made) <= taken + 1 + 4 + 1


def test_what_the_source_raises_is_raised_to_the_consumer() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ValueError("torn file")

    taken: list[int] = []
    with pytest.raises(ValueError, match="torn file"), Prefetcher(source(), 2) as items:
        taken.extend(items)
    assert taken == [1]


def test_leaving_in_the_middle_ends_the_thread() -> None:
    before = threading.active_count()
    with Prefetcher(iter(int, 1), depth=2) as items:
        next(items)
    assert threading.active_count() == before


def test_a_sink_consumes_all_before_it_closes() -> None:
    consumed: list[int] = []
    with ThreadedSink(consumed.append, depth=2) as sink:
        for number in range(20):
            sink.put(number)
    assert consumed == list(range(20))


def test_what_a_sink_raises_reaches_the_producer() -> None:
    def consume(number: int) -> None:
        if number == 3:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), ThreadedSink(consume, depth=1) as sink:
        for number in range(100):
            sink.put(number)


def test_a_failing_producer_is_not_masked_by_its_sink() -> None:
    def consume(number: int) -> None:
        raise OSError("disk full")

    with pytest.raises(KeyError), ThreadedSink(consume, depth=5) as sink:
        sink.put(1)
        raise KeyError("the producer's own fault")


def test_background_work_sees_when_it_is_no_longer_wanted() -> None:
    wanted: list[bool] = []
    begun = threading.Event()

    def work(is_wanted: Callable[[], bool]) -> None:
        wanted.append(is_wanted())
        begun.set()
        while is_wanted():
            pass
        wanted.append(is_wanted())

    before = threading.active_count()
    failures: list[Exception] = []
    with run_in_background(work, failures.append):
        begun.wait()
    assert not failures
    assert wanted == [True, False]
    assert threading.active_count() == before


def test_a_failure_of_background_work_is_reported_and_stops_nothing() -> None:
    def work(_is_wanted: Callable[[], bool]) -> None:
        raise OSError("disk full")

    failures: list[Exception] = []
    with run_in_background(work, failures.append):
        pass
    assert [str(failure) for failure in failures] == ["disk full"]
