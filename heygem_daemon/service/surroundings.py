"""What the service has around it, apart from its spool and its workers."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from heygem_daemon.gpu.reading import Readings
from heygem_daemon.notify import Notifier
from heygem_daemon.service.clock import Clock
from heygem_daemon.service.memory import Memory
from heygem_daemon.service.wake import Wake


def _yes(_path: Path) -> bool | None:
    return True


@dataclass(frozen=True)
class Surroundings:
    """The real ones by default, but without GPUs: ``read_gpus`` gives their latest readings and
    never waits for the driver. ``looks_complete`` answers of a file that has become quiet
    (None: not known yet); ``while_open`` lasts as long as the spool is ours, each time that it
    is opened."""

    read_gpus: Callable[[], Readings] = Readings
    clock: Clock = field(default_factory=Clock)
    notifier: Notifier = field(default_factory=Notifier)
    wake: Wake = field(default_factory=Wake)
    memory: Memory = field(default_factory=Memory)
    looks_complete: Callable[[Path], bool | None] = _yes
    while_open: Callable[[], AbstractContextManager[None]] = nullcontext
