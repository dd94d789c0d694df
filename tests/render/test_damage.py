"""A video that is refused for its damage is not refused for its face."""

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.errors import BadInput
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.render.pipeline import render_job
from tests.render.conftest import FakeTracker

if TYPE_CHECKING:
    from tests.render.conftest import Bench, FakeEngine, MakeBench


def damage(path: Path, places: int) -> None:
    """Change bytes of the pictures, but none of the header or index (the last quarter)."""
    content = bytearray(path.read_bytes())
    chance = random.Random(7)
    for _ in range(places):
        at = chance.randrange(len(content) // 4, len(content) * 3 // 4)
        content[at : at + 16] = chance.randbytes(16)
    path.write_bytes(content)


def refusal(engine: "FakeEngine", bench: "Bench") -> str:
    engine.tracker = FakeTracker(frozenset(range(10_000)))
    with pytest.raises(BadInput) as refused:
        render_job(engine, bench.request(), bench.cache, bench.progress.append, lambda: False)
    assert refused.value.remedy
    return refused.value.reason


def test_damage_is_called_damage_also_when_the_track_is_cached(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(2.0, 100)
    damage(bench.video, 12)
    with VideoReader(bench.video) as reader:
        assert reader.count_faulty(100) >= 3
    for _ in range(2):
        assert refusal(engine, bench).startswith("video.mp4 is damaged: ")


def test_a_video_without_a_face_is_refused_for_its_face(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    assert refusal(engine, make_bench(2.0, 100)).startswith("The video shows a usable face in only")
