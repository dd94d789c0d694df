"""How many jobs the CPU renders at a time, from the settings, the machine and the engine."""

from collections.abc import Callable

from heygem_daemon.config.settings import Settings
from heygem_daemon.events.devices import CpuSlotsCounted
from heygem_daemon.gpu.cpu_slots import JobShare, count_slots, share_cores, share_memory
from heygem_daemon.gpu.needs import Need
from heygem_daemon.service.runtime import Clock
from heygem_daemon.system.processors import Processors
from heygem_daemon.system.units import GIB

RECOUNT_SECONDS = 2.0
"""How long a count holds: the need of an engine is read from a file."""


class CpuCapacity:
    """Counts the slots of the CPU, again after some seconds: engines are measured while the daemon
    runs, and the operator may change the settings."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        read_need: Callable[[Settings], Need],
        read_processors: Callable[[], Processors],
        memory_bytes: Callable[[], int],
    ) -> None:
        """``read_need``: what the engine of the settings needs on the CPU; ``memory_bytes``: the
        main memory of the machine or the control group."""
        self._settings = settings
        self._clock = clock
        self._read_need = read_need
        self._read_processors = read_processors
        self._memory_bytes = memory_bytes
        self._slots = 1
        self._logged = 1
        self._recount_at: float | None = None

    def apply(self, settings: Settings) -> None:
        """Follow changed settings."""
        self._settings, self._recount_at = settings, None

    @property
    def slots(self) -> int:
        """How many jobs the CPU renders at a time, 1 or more."""
        now = self._clock.monotonic()
        if self._recount_at is None or now >= self._recount_at:
            self._recount_at = now + RECOUNT_SECONDS
            self._slots = self._count()
        return self._slots

    def share(self, jobs: int) -> JobShare:
        """Return what the next job on the CPU may use. ``jobs``: how many run or wait, this one
        included."""
        slots, settings, processors = self.slots, self._settings, self._read_processors()
        cores = settings.threads or share_cores(slots, jobs, processors)
        if slots != self._logged:
            self._logged = slots
            CpuSlotsCounted(slots, settings.threads or share_cores(slots, slots, processors)).log()
        asked = round(settings.worker_memory_gib * GIB)
        memory_bytes = share_memory(slots, self._memory_bytes(), asked) if slots > 1 else asked
        return JobShare(cores, memory_bytes)

    def _count(self) -> int:
        settings = self._settings
        return count_slots(
            settings.cpu_workers,
            self._read_processors(),
            self._memory_bytes(),
            self._read_need(settings),
            round(settings.worker_memory_gib * GIB),
        )
