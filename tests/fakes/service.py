"""A whole service for tests, whose clock, workers, GPUs and memory a test controls."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.config.sidecar import SidecarAnswer, read_sidecar
from heygem_daemon.gpu.placement_request import NodeCpu
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.notify.announcer import Announcer
from heygem_daemon.report.status import Status
from heygem_daemon.report.status_file import read_status
from heygem_daemon.service.admission import MemoryCheck
from heygem_daemon.service.contents import NOTHING_FOUND, ContentProbe
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.service.job_log import JobLog
from heygem_daemon.service.loop import Service
from heygem_daemon.service.runtime import Dependencies
from heygem_daemon.service.sidecar_cache import ReadSidecar
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.processor_times import ProcessorTimes
from heygem_daemon.system.processors import Processors
from heygem_daemon.system.untrusted import UnreadableText
from tests.fakes.clock import FakeClock, FakeWakeEvent
from tests.fakes.executor import FakeExecutor, rendered
from tests.fakes.gpu import NO_GPU
from tests.fakes.notifier import FakeNotifier


def read_here(path: Path) -> SidecarAnswer | None:
    """Return what a sidecar holds, as the child process would that reads it; None: it is gone."""
    try:
        return read_sidecar(path, printable(path.name))
    except (OSError, UnreadableText):
        return None


@dataclass
class ServiceHarness:
    """A service on a real spool, with a fake clock, fake workers and fake GPU readings."""

    spool: Spool
    clock: FakeClock
    log: list[str]
    settings: Settings
    executor: FakeExecutor = field(default_factory=lambda: FakeExecutor(rendered))
    notifier: FakeNotifier = field(default_factory=FakeNotifier)
    readings: Readings = NO_GPU
    nodes: tuple[NodeCpu, ...] = ()
    """The CPUs of the cluster's other machines."""
    free_memory: int = 32 << 30
    processors: Processors = field(default_factory=lambda: Processors(2, 2))
    busy_percent: float = 20.0
    """How busy these are."""
    clock_synchronized: bool | None = None
    read_sidecar: ReadSidecar = read_here
    """Reads sidecars in this process, which a daemon never does: a child takes half a second."""
    content_probe: ContentProbe = NOTHING_FOUND
    looks_complete: Callable[[Path], bool | None] = lambda _path: True
    advance_probes: Callable[[], None] = lambda: None

    announcer: Announcer | None = None
    """What is told of the service; None: nothing."""

    reloaded: Callable[[], Settings] | None = None
    """Reads the settings at a reload; None: they are as they were."""
    _opened: ExitStack = field(default_factory=ExitStack)
    followed: list[Settings] = field(default_factory=list)
    """The settings that the parts around the service had to follow."""

    def configure(self, **changes: object) -> None:
        """Change the settings of services that are created from now on."""
        values = {**self.settings.model_dump(), **changes}
        self.settings = Settings.model_validate(values)

    def service(
        self, while_open: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> Service:
        announcer = self.announcer
        wake = FakeWakeEvent(self.clock)
        self._opened.callback(wake.close)
        dependencies = Dependencies(
            read_gpus=lambda: replace(self.readings),  # a new object each time, as from the driver
            read_nodes=lambda: self.nodes,
            clock=self.clock,
            notifier=self.notifier,
            wake=wake,
            memory=MemoryCheck(lambda: self.free_memory, lambda: 64 << 30),
            read_processors=lambda: self.processors,
            read_processor_times=self._processor_times,
            read_sidecar=self.read_sidecar,
            content_probe=self.content_probe,
            looks_complete=self.looks_complete,
            advance_probes=self.advance_probes,
            while_open=while_open,
            publish_status=announcer.status_written if announcer else lambda _status: None,
            job_ended=announcer.job_ended if announcer else lambda _job, _result: None,
            notification_counts=lambda: announcer.counts if announcer else {},
            command_counts=lambda: announcer.command_counts if announcer else {},
            notification_status=lambda: announcer.status if announcer else None,
            load_settings=self._load_settings,
            follow_settings=self.followed.append,
            is_clock_synchronized=lambda: self.clock_synchronized,
            job_log=JobLog(self.clock.monotonic),
            faults=ItemFaults(self.clock.monotonic),
        )
        return Service(self.settings, self.spool, self.executor, dependencies)

    def close(self) -> None:
        """Close what wakes the services: thousands of tests run in one process."""
        self._opened.close()

    def _processor_times(self) -> ProcessorTimes:
        ticks = self.clock.now * 1000
        return ProcessorTimes(round(ticks * self.busy_percent / 100), round(ticks))

    def _load_settings(self) -> Settings:
        return self.reloaded() if self.reloaded else self.settings

    def drop(self, *names: str) -> None:
        """Put files into the inbox. The content of each is its own name."""
        self.spool.inbox.mkdir(parents=True, exist_ok=True)
        for name in names:
            (self.spool.inbox / name).write_bytes(os.fsencode(name))

    def drop_batch(self, folder: str, *names: str) -> Path:
        """Put a folder into the inbox. The content of each of its files is the file's name."""
        target = self.spool.inbox / folder
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            (target / name).write_bytes(os.fsencode(name))
        return target

    def run_rounds(self, service: Service, seconds: float, every: float = 0.25) -> None:
        """Run rounds for ``seconds`` of the fake clock, which goes ``every`` seconds a round."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            service.run_round()
            self.clock.now += every

    def kill(self, service: Service) -> None:
        """Do what the kernel does when the daemon is killed: release its lock, end its workers."""
        service._open_resources.close()
        self.executor.workers.clear()

    def status(self) -> Status:
        status = read_status(self.spool.state / "status.json")
        assert status is not None
        return status

    def logged(self, text: str) -> int:
        """Return how many lines of the log contain ``text``."""
        return sum(text in line for line in self.log)

    def outbox(self) -> list[str]:
        return sorted(path.name for path in self.spool.outbox.iterdir())

    def failed(self) -> list[str]:
        return sorted(path.name for path in self.spool.failed.iterdir())

    def processing(self) -> int:
        return sum(1 for _ in self.spool.processing.iterdir())
