"""A worker's own memory, measured from inside and sent about once a second during a job."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from heygem_daemon.host_memory import resident_bytes
from heygem_daemon.protocol import Vitals


def measure(on_gpu: bool) -> Vitals:
    """Memory now. Video memory is what torch's allocator has reserved and what of it is in use;
    the CUDA context's own few hundred MiB are in neither."""
    if not on_gpu:
        return Vitals(rss_bytes=resident_bytes())
    import torch  # noqa: PLC0415 - a worker on the CPU may be measured before torch is loaded

    return Vitals(
        rss_bytes=resident_bytes(),
        vram_reserved_bytes=torch.cuda.memory_reserved(),
        vram_active_bytes=torch.cuda.memory_allocated(),
    )


@contextmanager
def reported(
    take: Callable[[], Vitals], send: Callable[[Vitals], None], every_seconds: float = 1.0
) -> Iterator[None]:
    """Send vitals at that interval from a thread of its own while the block runs, and once at
    its end."""
    over = threading.Event()

    def report() -> None:
        while not over.wait(every_seconds):
            send(take())

    thread = threading.Thread(target=report, name="vitals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        send(take())
