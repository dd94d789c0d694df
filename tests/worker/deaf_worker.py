"""The real worker process, with an engine and a job that hear nothing.

The job waits for ever in the stage that is its id. The engine "deaf" is loaded for ever.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from heygem_daemon.engines.base import Device
from heygem_daemon.gpu.needs import ESTIMATE
from heygem_daemon.protocol import Load, LogMessage, Progress, Render, Rendered
from heygem_daemon.worker.main import Session, WorkerDependencies
from heygem_daemon.worker.wire import MessageReceiver, MessageSender, isolate_stdio


def main() -> None:
    incoming, outgoing = isolate_stdio()
    send = MessageSender(outgoing)
    inbox = MessageReceiver(incoming, on_end=lambda: os._exit(0))

    def load(load: Load) -> Any:
        if load.engine == "deaf":
            send(LogMessage(level="INFO", text="loading"))
            time.sleep(3600)
        return SimpleNamespace(
            name=load.engine,
            device=Device(),
            precision="float32",
            precision_reason="",
            weights_sha256="00",
            warnings=(),
            networks=(),
            batch=1,
        )

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

    dependencies = WorkerDependencies(
        load,
        read_stamp=lambda load: 0,
        resolve_need=lambda engine, load: ESTIMATE,
        record_peak=lambda engine, load: None,
        render=render,
        release_cached_memory=lambda: None,
    )
    Session(dependencies, send, inbox.halted).serve(inbox)
    os._exit(0)


if __name__ == "__main__":
    main()
