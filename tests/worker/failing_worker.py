"""The real worker process with a fake engine: each job raises what its id is mapped to."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from heygem_daemon.engines.base import Device
from heygem_daemon.gpu.needs import ESTIMATE
from heygem_daemon.protocol import Load, Progress, Render, Rendered
from heygem_daemon.worker.main import Session, WorkerDependencies
from heygem_daemon.worker.wire import MessageReceiver, MessageSender, isolate_stdio


def host_memory_error() -> Exception:
    """Return what torch really raises when main memory runs out."""
    try:
        torch.empty(1 << 50)
    except RuntimeError as error:
        return error
    raise AssertionError("this machine has a petabyte")


ILLEGAL_ACCESS = (
    "CUDA error: an illegal memory access was encountered\n"
    "Search for `cudaErrorIllegalAddress' for more information.\n"
)
ERRORS: dict[str, Callable[[], Exception]] = {
    "illegal access": lambda: torch.AcceleratorError(ILLEGAL_ACCESS),
    "out of memory": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
    "out of host memory": host_memory_error,
}


def load(load: Load) -> Any:
    if load.engine in ERRORS:
        raise ERRORS[load.engine]()
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
    if render.job_id in ERRORS:
        raise ERRORS[render.job_id]()
    return Rendered(job_id=render.job_id, result="r", report="j")


def main() -> None:
    incoming, outgoing = isolate_stdio()
    send = MessageSender(outgoing)
    inbox = MessageReceiver(incoming, on_end=lambda: os._exit(0))
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
