"""The step scheduler: each step is due in time, and held by its own faults alone."""

import itertools
from collections.abc import Iterator
from typing import NoReturn

import pytest
from loguru import logger

from heygem_daemon.errors import SpoolBusy, SpoolUnavailable
from heygem_daemon.service.runtime import StepScheduler
from tests.fakes.clock import FakeClock


class FailingStep:
    """A step that counts its tries, and fails with the given reasons first."""

    def __init__(self, *reasons: str) -> None:
        self.reasons = list(reasons)
        self.tries = 0

    def __call__(self) -> None:
        self.tries += 1
        if self.reasons:
            raise SpoolUnavailable(self.reasons.pop(0))


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), format="{level} {message}")
    yield lines
    logger.remove(sink)


def run_for(
    steps: StepScheduler, clock: FakeClock, seconds: float, pace: float, step: FailingStep
) -> None:
    end = clock.now + seconds
    while clock.now < end:
        steps.run_if_due("step", pace, step)
        clock.now += 0.25


def test_a_step_keeps_its_pace() -> None:
    clock, step = FakeClock(), FailingStep()
    run_for(StepScheduler(clock), clock, 10, 2.0, step)
    assert step.tries == 5


def test_a_step_can_be_brought_forward_but_not_put_off() -> None:
    clock, step = FakeClock(), FailingStep()
    steps = StepScheduler(clock)
    steps.run_if_due("step", 60.0, step)
    steps.bring_forward("step", 1.0)
    steps.bring_forward("step", 30.0)
    run_for(steps, clock, 5, 60.0, step)
    assert step.tries == 2


@pytest.mark.parametrize(("pace", "tries"), [(0.0, 10), (3600.0, 1)])
def test_a_held_step_is_neither_hammered_nor_forgotten(pace: float, tries: int) -> None:
    clock, step = FakeClock(), FailingStep(*["the disk is full"] * 100)
    steps = StepScheduler(clock)
    run_for(steps, clock, 10, pace, step)
    assert step.tries == tries
    assert steps.hold == "the disk is full"
    assert steps.needs_recovery


def test_a_hold_is_said_once_whichever_jobs_files_it_names(log: list[str]) -> None:
    clock = FakeClock()
    steps = StepScheduler(clock)
    first, second = "20261121-042220-4993d2", "20261121-042221-edc289"
    step = FailingStep(f"No space ('processing/{first}')", f"No space ('processing/{second}')")
    run_for(steps, clock, 5, 0.0, step)
    assert log == [
        f"ERROR on hold (step): No space ('processing/{first}')\n",
        "INFO no longer on hold (step)\n",
    ]
    assert steps.hold is None


def test_another_reason_is_news(log: list[str]) -> None:
    steps = StepScheduler(FakeClock())
    step = FailingStep("the disk is full", "the share is gone")
    steps.run("step", step)
    steps.run("step", step)
    assert len(log) == 2


def test_a_spool_of_another_daemon_is_no_hold() -> None:
    def busy() -> NoReturn:
        raise SpoolBusy("process 7")

    with pytest.raises(SpoolBusy):
        StepScheduler(FakeClock()).run("open", busy)


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_whoever_ends_the_process_ends_it(end: type[BaseException]) -> None:
    def ended() -> NoReturn:
        raise end

    with pytest.raises(end):
        StepScheduler(FakeClock()).run("scan", ended)


@pytest.mark.parametrize("bug", [KeyError(7), MemoryError(), RecursionError("too deep")])
def test_a_bug_holds_its_step_alone_and_is_logged_once_with_its_traceback(
    log: list[str], bug: Exception
) -> None:
    def broken() -> NoReturn:
        raise bug

    steps, other = StepScheduler(FakeClock()), FailingStep()
    for _ in range(5):
        assert not steps.run("claim", broken)
        assert steps.run("start", other)
    assert other.tries == 5
    assert type(bug).__name__ in (steps.hold or "")
    assert len(log) == 1
    assert "Traceback" in log[0]


def test_a_step_that_takes_long_leaves_half_of_the_time_to_others() -> None:
    clock = FakeClock()
    steps = StepScheduler(clock)
    begun: list[float] = []

    def slow() -> None:
        begun.append(clock.now)
        clock.now += 2.0

    for _ in range(100):
        steps.bring_forward("scan", 0.25)
        steps.run_if_due("scan", 1.0, slow)
        clock.now += 0.25
    pauses = [later - earlier for earlier, later in itertools.pairwise(begun)]
    assert len(pauses) > 1
    assert all(4.0 <= pause <= 4.25 for pause in pauses)


def test_a_step_that_is_done_in_every_round_never_rests() -> None:
    clock, tries = FakeClock(), FailingStep()
    steps = StepScheduler(clock)

    def slow() -> None:
        tries()
        clock.now += 2.0

    for _ in range(10):
        steps.run_if_due("claim", 0.0, slow)
    assert tries.tries == 10
