"""The real worker process with a fake engine: each job raises what its id is mapped to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from heygem_daemon.protocol import Load, Progress, Render, Rendered
from heygem_daemon.worker.wire import MessageSender
from tests.worker.fake_session import fake_engine, serve


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


def load(load: Load, send: MessageSender) -> Any:
    if load.engine in ERRORS:
        raise ERRORS[load.engine]()
    return fake_engine(load.engine)


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


if __name__ == "__main__":
    serve(load, render)
