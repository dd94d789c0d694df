"""A stop ends a job in every stage, within a few steps."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.config.media_limits import MediaLimits
from heygem_daemon.errors import Interrupted, TooLarge
from heygem_daemon.protocol import Progress
from heygem_daemon.render import pipeline
from heygem_daemon.render.pipeline import render_job
from heygem_daemon.render.progress import ProgressReporter

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from tests.render.conftest import Bench, FakeEngine, MakeBench

MAX_CALLS = 40
"""How often the job may still look for a stop: threads that read ahead look for themselves."""


class Stop:
    """Is requested in one stage, and counts how often that was noticed."""

    def __init__(self, stage: str, steps: int) -> None:
        self.stage = stage
        self.steps = steps
        self.seen_stages: list[str] = []
        self.noticed = 0
        self._calls = 0

    def on_progress(self, progress: Progress) -> None:
        self.seen_stages.append(progress.stage)

    def __call__(self) -> bool:
        if not self.seen_stages or self.seen_stages[-1] != self.stage:
            return self.noticed > 0
        self._calls += 1
        self.noticed += self._calls > self.steps
        return self.noticed > 0


@pytest.mark.parametrize("stage", ["probe", "listen", "track", "render", "join", "review"])
@pytest.mark.parametrize("steps", [0, 3])
def test_a_stop_ends_the_stage_in_a_few_steps(
    engine: "FakeEngine",
    make_bench: "MakeBench",
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    steps: int,
) -> None:
    at_once = partial(ProgressReporter, chunk_seconds=0.0)
    monkeypatch.setattr(pipeline, "ProgressReporter", at_once)
    bench = make_bench(20.0, 300)
    stop = Stop(stage, steps)
    with pytest.raises(Interrupted):
        render_job(engine, bench.request(chunk_seconds=20.0), bench.cache, stop.on_progress, stop)
    assert stop.seen_stages[-1] == stage
    assert 0 < stop.noticed < MAX_CALLS
    assert finished(bench) == (stage in ("join", "review"))


def finished(bench: "Bench") -> bool:
    return bool(list((bench.folder / "work").glob("segment-*.mp4")))


def test_every_stage_counts_steps(engine: "FakeEngine", make_bench: "MakeBench") -> None:
    bench = make_bench(3.0, 60)
    render_job(engine, bench.request(), bench.cache, bench.progress.append, lambda: False)
    first = {each.stage: each.steps for each in reversed(bench.progress)}
    assert list(reversed(first)) == ["probe", "listen", "track", "render", "join", "review"]
    counts = list(reversed(first.values()))
    assert counts == sorted(set(counts))
    assert bench.progress[-1].steps > counts[-1]


def test_a_result_beyond_the_limits_is_refused_before_it_is_made(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(4.0, 60)
    request = bench.request().model_copy(update={"limits": MediaLimits(pictures=80)})
    with pytest.raises(TooLarge, match="The result would have 100 pictures; the limit is 80"):
        render_job(engine, request, bench.cache, bench.progress.append, lambda: False)
    assert {each.stage for each in bench.progress} == {"probe"}
    assert not Path(request.workspace).exists()
