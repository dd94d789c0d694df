"""How many jobs each GPU renders at a time, from the settings or from what was seen."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from heygem_daemon.config.settings import Settings
from heygem_daemon.config.value_types import MAX_GPU_JOBS
from heygem_daemon.events.devices import GpuSlotsChanged
from heygem_daemon.gpu.evidence import INFERENCE_STAGES
from heygem_daemon.gpu.placement import device_choice
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.service.gpu_slots import WINDOW_SECONDS, GpuLoad, SlotChange, choose_slots
from heygem_daemon.service.running_jobs import RunningJob
from heygem_daemon.service.runtime import Clock
from heygem_daemon.system.processor_times import ProcessorTimes
from heygem_daemon.system.processors import Processors

REST_SECONDS = 600.0
"""How long after a slot was taken away no other one is tried: other jobs may be different."""

MAX_GAP_SECONDS = 300.0
"""What was seen longer ago was seen with other jobs, and is not compared."""

MAX_SAMPLE_SECONDS = 5.0
"""A longer time between two samples says nothing."""


@dataclass
class _Watch:
    """What is known of one GPU."""

    slots: int = 1
    load: GpuLoad = field(default_factory=GpuLoad)
    """Of the present window."""
    before: float | None = None
    """The GPU's share of the time with one slot less, measured just before; in per cent."""
    sampled_at: float = float("-inf")
    """When it was last seen with all slots at work, monotonic."""
    wanted_at: float = float("-inf")
    """When a job last waited for this GPU, monotonic."""
    rests_until: float = float("-inf")
    """Until when no slot is added, monotonic."""


class GpuCapacity:
    """Counts the slots of each GPU.

    A number in the settings holds for every GPU. With "auto" a GPU begins with one slot, and gets
    more as long as they bring something. GPUs of other machines keep one: the use of their
    processors is not known here.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        read_processors: Callable[[], Processors],
        read_times: Callable[[], ProcessorTimes | None],
    ) -> None:
        """``read_times``: how the processors have spent their time so far."""
        self._settings = settings
        self._clock = clock
        self._read_processors = read_processors
        self._read_times = read_times
        self._watches: dict[str, _Watch] = {}
        self._sampled_at = clock.monotonic()
        self._times: ProcessorTimes | None = None
        self._readings: Readings | None = None

    def apply(self, settings: Settings) -> None:
        """Follow changed settings."""
        if settings.jobs_per_gpu != self._settings.jobs_per_gpu:
            self._watches = {}
        self._settings = settings

    def slots(self, uuid: str) -> int:
        """Return how many jobs may run on a GPU at a time, 1 or more."""
        asked = self._settings.jobs_per_gpu
        return self._watch(uuid).slots if asked == "auto" else asked

    def total(self, gpus: Sequence[GpuReading]) -> int:
        """Return how many jobs may run on all these GPUs at a time."""
        return sum(self.slots(each.uuid) for each in gpus)

    def want(self, uuids: Collection[str]) -> None:
        """Note that a job waits for these GPUs, on which the daemon's own jobs are in the way."""
        for uuid in uuids:
            self._watch(uuid).wanted_at = self._clock.monotonic()

    def note_shortage(self, uuid: str) -> None:
        """Note that a job ran out of a GPU's memory: beside others it finds less."""
        watch = self._watch(uuid)
        if self._settings.jobs_per_gpu == "auto" and watch.slots > 1:
            self._change(uuid, watch, SlotChange(watch.slots - 1, "a job ran out of its memory"))

    def sample(self, readings: Readings, running: Iterable[RunningJob]) -> None:
        """Take the driver's latest readings into account, unless they were before."""
        if self._settings.jobs_per_gpu != "auto" or readings is self._readings:
            return
        now, times = self._clock.monotonic(), self._read_times()
        seconds, earlier = now - self._sampled_at, self._times
        self._sampled_at, self._times, self._readings = now, times, readings
        if times is None or earlier is None or not 0 < seconds <= MAX_SAMPLE_SECONDS:
            return
        at_work = Counter(
            each.device.uuid
            for each in running
            if each.progress is not None and each.progress.stage in INFERENCE_STAGES
        )
        for gpu in readings.gpus:
            watch = self._watch(gpu.uuid)
            if not gpu.node and gpu.utilisation is not None and at_work[gpu.uuid] >= watch.slots:
                if now - watch.sampled_at > MAX_GAP_SECONDS:
                    watch.load, watch.before = GpuLoad(), None
                watch.sampled_at, busy = now, times.percent_since(earlier)
                watch.load = watch.load.with_sample(seconds, gpu.utilisation, busy)
                self._decide(gpu, watch, now)

    def _decide(self, gpu: GpuReading, watch: _Watch, now: float) -> None:
        if watch.load.seconds < WINDOW_SECONDS:
            return
        is_wanted = now - watch.wanted_at <= WINDOW_SECONDS and now >= watch.rests_until
        limit = min(MAX_GPU_JOBS, self._read_processors().usable_cores)
        change = choose_slots(watch.slots, watch.load, watch.before, limit, is_wanted=is_wanted)
        if change is None:
            watch.load, watch.before = GpuLoad(), None
        else:
            self._change(gpu.uuid, watch, change)

    def _change(self, uuid: str, watch: _Watch, change: SlotChange) -> None:
        is_more = change.slots > watch.slots
        watch.before = watch.load.gpu_percent if is_more else None
        if not is_more:
            watch.rests_until = self._clock.monotonic() + REST_SECONDS
        watch.slots, watch.load = change.slots, GpuLoad()
        gpu = self._readings.find(uuid) if self._readings is not None else None
        label = device_choice(gpu).label if gpu is not None else uuid
        GpuSlotsChanged(label, change.slots, change.reason).log()

    def _watch(self, uuid: str) -> _Watch:
        return self._watches.setdefault(uuid, _Watch())
