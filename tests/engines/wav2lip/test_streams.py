import threading
from collections.abc import Iterator

import pytest
import torch

from heygem_daemon.engines.wav2lip.streams import MAX_STREAMS, Streams, stream_count


@pytest.fixture
def eight_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(8)
    yield
    torch.set_num_threads(before)


def test_what_comes_back_is_in_order_and_from_several_threads() -> None:
    together = threading.Barrier(3, timeout=30)

    def work(number: int) -> tuple[int, str]:
        together.wait()
        return 2 * number, threading.current_thread().name

    numbers, names = zip(*Streams(3).map(work, range(6)), strict=True)
    assert numbers == (0, 2, 4, 6, 8, 10)
    assert len(set(names)) == 3


def test_one_stream_has_no_thread() -> None:
    assert list(Streams(1).map(lambda _: threading.current_thread(), [0])) == [
        threading.current_thread()
    ]


@pytest.mark.usefixtures("eight_threads")
def test_the_cores_are_shared_out_and_the_caller_keeps_them() -> None:
    shares = set(Streams(4).map(lambda _: torch.get_num_threads(), range(8)))
    assert shares == {2}
    assert torch.get_num_threads() == 8
    thread_counts: list[int] = []
    newcomer = threading.Thread(target=lambda: thread_counts.append(torch.get_num_threads()))
    newcomer.start()
    newcomer.join()
    assert thread_counts == [8]


@pytest.mark.parametrize("count", [1, 2])
def test_what_goes_wrong_is_raised_after_what_came_before(count: int) -> None:
    came = []
    with pytest.raises(ZeroDivisionError):
        for each in Streams(count).map(lambda number: 6 // number, [3, 2, 0, 1]):
            came.append(each)  # noqa: PERF402 - what came is of interest although it raises
    assert came == [2, 3]


@pytest.mark.usefixtures("eight_threads")
def test_a_gpu_gets_its_batches_one_by_one_and_many_cores_a_bounded_number() -> None:
    assert stream_count(torch.device("cuda")) == 1
    assert stream_count(torch.device("cpu")) == 8
    torch.set_num_threads(64)
    assert stream_count(torch.device("cpu")) == MAX_STREAMS
