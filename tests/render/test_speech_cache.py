"""One sound for many videos is listened to once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.render.pipeline import render_job
from heygem_daemon.render.speech_cache import MAX_ENTRIES, SpeechCache, array_bytes

if TYPE_CHECKING:
    from tests.render.conftest import MakeBench, Painter

Floats = NDArray[np.float32]


def sound(seconds: int = 1) -> Iterator[Floats]:
    for _ in range(seconds):
        yield np.ones(16000, np.float32)


class Unread:
    """A sound that is known is not read again."""

    def __iter__(self) -> Iterator[Floats]:
        raise AssertionError("it was read")


def test_two_jobs_with_one_sound_listen_once(painter: "Painter", make_bench: "MakeBench") -> None:
    hearing, bench = SpeechCache(), make_bench(1.0, 20)
    for _ in range(2):
        render_job(painter, bench.order(), bench.cache, bench.told.append, lambda: False, hearing)
    assert painter.listened == 1
    render_job(painter, bench.order(), bench.cache, bench.told.append, lambda: False)
    assert painter.listened == 2


def test_what_is_known_is_the_same_as_what_was_heard(painter: "Painter") -> None:
    hearing = SpeechCache()
    first = hearing.get_or_extract(painter, "a", sound(2))
    assert hearing.get_or_extract(painter, "a", Unread()) is first
    assert (first.speech, len(first.level)) == (32000, 100)


def test_another_engine_or_sound_is_heard_anew(painter: "Painter") -> None:
    hearing = SpeechCache()
    hearing.get_or_extract(painter, "a", sound())
    hearing.get_or_extract(painter, "b", sound())
    painter.weights_sha256 = "1" * 64
    hearing.get_or_extract(painter, "a", sound())
    painter.name = "other"
    hearing.get_or_extract(painter, "a", sound())
    assert painter.listened == 4


def test_the_sound_that_was_asked_for_longest_ago_goes_first(painter: "Painter") -> None:
    hearing = SpeechCache()
    for number in range(MAX_ENTRIES):
        hearing.get_or_extract(painter, str(number), sound())
    hearing.get_or_extract(painter, "0", Unread())
    hearing.get_or_extract(painter, "new", sound())
    hearing.get_or_extract(painter, "0", Unread())
    before = painter.listened
    hearing.get_or_extract(painter, "1", sound())
    assert painter.listened == before + 1


def test_memory_is_bounded_even_by_one_sound(painter: "Painter") -> None:
    hearing = SpeechCache(max_bytes=300)
    for _ in range(2):
        hearing.get_or_extract(painter, "long", sound(2))  # its level alone takes 400 bytes
    assert painter.listened == 2
    for _ in range(2):
        hearing.get_or_extract(painter, "short", sound(1))
    assert painter.listened == 3


@dataclass
class Nested:
    arrays: Iterable[Floats]
    name: str


def test_the_size_of_a_sound_is_that_of_its_arrays() -> None:
    value = Nested([np.zeros(10, np.float32), np.zeros(5, np.float32)], "talk")
    assert array_bytes(value) == 60
    assert array_bytes((value, value, 7)) == 120
