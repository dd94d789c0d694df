"""The real worker process, with an engine and a job that hear nothing.

The job waits for ever in the stage that is its id. The engine "deaf" is loaded for ever.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heygem_daemon.protocol import Load, LogMessage, Progress, Render, Rendered
from heygem_daemon.worker.wire import MessageSender
from tests.worker.fake_session import fake_engine, serve


def load(load: Load, send: MessageSender) -> Any:
    if load.engine == "deaf":
        send(LogMessage(level="INFO", text="loading"))
        time.sleep(3600)
    return fake_engine(load.engine)


def render(
    engine: Any,
    render: Render,
    cache: Path,
    on_progress: Callable[[Progress], None],
    should_stop: Callable[[], bool],
) -> Rendered:
    on_progress(Progress.model_validate({"job_id": render.job_id, "stage": render.job_id}))
    time.sleep(3600)
    raise AssertionError("an hour is over")


if __name__ == "__main__":
    serve(load, render)
