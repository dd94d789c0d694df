"""One sound for many videos is analysed once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.render.pipeline import render_job
from heygem_daemon.render.speech_cache import MAX_ENTRIES, SpeechCache, array_bytes

if TYPE_CHECKING:
    from tests.render.conftest import FakeEngine, MakeBench

Floats = NDArray[np.float32]


def sound(seconds: int = 1) -> Iterator[Floats]:
    for _ in range(seconds):
        yield np.ones(16000, np.float32)


class Unread:
    """A sound that fails when it is read."""

    def __iter__(self) -> Iterator[Floats]:
        raise AssertionError("it was read")


@pytest.mark.slow
def test_two_jobs_with_one_sound_analyse_it_once(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    cache, bench = SpeechCache(), make_bench(1.0, 20)
    for _ in range(2):
        render_job(
            engine, bench.request(), bench.cache, bench.progress.append, lambda: False, cache
        )
    assert engine.listened == 1
    render_job(engine, bench.request(), bench.cache, bench.progress.append, lambda: False)
    assert engine.listened == 2


def test_a_cached_sound_is_not_read_again(engine: "FakeEngine") -> None:
    cache = SpeechCache()
    first = cache.get_or_extract(engine, "a", sound(2))
    assert cache.get_or_extract(engine, "a", Unread()) is first
    assert (first.speech, len(first.level)) == (32000, 100)


def test_another_engine_or_sound_is_analysed_again(engine: "FakeEngine") -> None:
    cache = SpeechCache()
    cache.get_or_extract(engine, "a", sound())
    cache.get_or_extract(engine, "b", sound())
    engine.weights_sha256 = "1" * 64
    cache.get_or_extract(engine, "a", sound())
    engine.name = "other"
    cache.get_or_extract(engine, "a", sound())
    assert engine.listened == 4


def test_the_least_recently_used_sound_is_removed_first(engine: "FakeEngine") -> None:
    cache = SpeechCache()
    for number in range(MAX_ENTRIES):
        cache.get_or_extract(engine, str(number), sound())
    cache.get_or_extract(engine, "0", Unread())
    cache.get_or_extract(engine, "new", sound())
    cache.get_or_extract(engine, "0", Unread())
    before = engine.listened
    cache.get_or_extract(engine, "1", sound())
    assert engine.listened == before + 1


def test_memory_is_bounded_even_by_one_sound(engine: "FakeEngine") -> None:
    cache = SpeechCache(max_bytes=300)
    for _ in range(2):
        cache.get_or_extract(engine, "long", sound(2))  # its level alone takes 400 bytes
    assert engine.listened == 2
    for _ in range(2):
        cache.get_or_extract(engine, "short", sound(1))
    assert engine.listened == 3


@dataclass
class Nested:
    arrays: Iterable[Floats]
    name: str


def test_the_size_of_a_sound_is_that_of_its_arrays() -> None:
    value = Nested([np.zeros(10, np.float32), np.zeros(5, np.float32)], "talk")
    assert array_bytes(value) == 60
    assert array_bytes((value, value, 7)) == 120
