"""Runs a hostile user in a process of its own, which can be killed at any moment."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context


@contextmanager
def running(act: Callable[[], None]) -> Iterator[None]:
    """Run ``act`` in a child process while the block runs. Raises RuntimeError if it ends."""
    process = get_context("fork").Process(target=_alone, args=(act,))
    process.start()
    try:
        yield
        if process.exitcode is not None:
            raise RuntimeError(f"the hostile user gave up: {process.exitcode}")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()


def _alone(act: Callable[[], None]) -> None:
    os.setpgid(0, 0)
    act()
