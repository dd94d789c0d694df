"""What counts as the progress of a worker."""

from typing import Any

import pytest

from heygem_daemon.config.stall_limits import StallLimits
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.protocol import FromWorker, LogMessage, MemoryUsage, Progress, Render
from heygem_daemon.worker.handle import WorkerHandle

LIMITS = StallLimits(900, {"track": 100, "render": 300})


class FakeProcess:
    """Notes whether it was killed."""

    killed = False

    def send(self, _message: object) -> None:
        """Take a message."""

    def kill(self) -> None:
        self.killed = True


@pytest.mark.parametrize(
    ("message", "is_progress"),
    [
        (MemoryUsage(rss_bytes=1), False),
        (LogMessage(level="INFO", text="a line"), False),
        (Progress(job_id="job", stage="track", steps=7), False),
        (Progress(job_id="job", stage="track", steps=8), True),
        (Progress(job_id="job", stage="track", frames=1, steps=7), True),
        (Progress(job_id="job", stage="render", steps=7), True),
    ],
)
def test_a_worker_that_only_repeats_itself_is_killed(
    message: FromWorker, is_progress: bool
) -> None:
    process: Any = FakeProcess()
    worker = WorkerHandle(1, CPU, process, "fake", 0.0)
    worker.assign(CPU, Render(job_id="job", audio="a", video="v", workspace="w"), 0, 0.0)
    worker.handle_message(Progress(job_id="job", stage="track", steps=7), 10.0)
    for now in range(20, 200, 10):
        worker.handle_message(message, float(now))
        message = (
            message.model_copy(update={"steps": message.steps + 1})
            if (is_progress and isinstance(message, Progress))
            else message
        )
        worker.kill_if_silent(LIMITS, float(now))
    assert process.killed is not is_progress


@pytest.mark.parametrize(
    ("stage", "seconds"), [(None, 900), ("track", 100), ("render", 300), ("join", 900)]
)
def test_each_stage_has_its_own_limit(stage: str | None, seconds: int) -> None:
    process: Any = FakeProcess()
    worker = WorkerHandle(1, CPU, process, "fake", 0.0)
    worker.assign(CPU, Render(job_id="job", audio="a", video="v", workspace="w"), 0, 0.0)
    if stage is not None:
        worker.handle_message(Progress.model_validate({"job_id": "job", "stage": stage}), 0.0)
    worker.kill_if_silent(LIMITS, seconds - 1.0)
    assert not process.killed
    worker.kill_if_silent(LIMITS, seconds + 1.0)
    assert process.killed
    assert (stage or "") in (worker.kill_reason or "")


def test_the_common_limit_holds_for_each_stage() -> None:
    limits = StallLimits(50, {"track": 100, "render": 30})
    assert [limits.seconds(each) for each in ("track", "render", "join", None)] == [50, 30, 50, 50]
