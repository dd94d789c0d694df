"""Events of GPUs, workers and what jobs wait for."""

from heygem_daemon.events.event import Event


class DriverAnswersAgain(
    Event, text="the NVIDIA driver answers again, after {seconds:.0f} s", level="WARNING"
):
    """The driver was silent for so long."""

    seconds: float


class GpuChanged(Event, text="{change}"):
    """What the driver reports at the start and whenever it changes; WARNING for a loss, ERROR
    for a fault."""

    change: str


class GpuReadingBug(Event, text="a bug in reading the GPUs", level="ERROR"):
    """A fault of the program; the traceback follows."""


class GpuWarned(Event, text="{warning}", level="WARNING"):
    """A GPU that sleeps, is hot, is throttled, or whose memory creeps."""

    kind: str
    warning: str
    uuid: str


class GpuLost(Event, text="{device} is lost under the job: {fault}", level="WARNING"):
    """The driver no longer reaches the GPU on which the job runs."""

    device: str
    fault: str


class DeviceRested(Event, text="{device} gets no job for {seconds:.0f} s: {reason}", level="ERROR"):
    """The device failed; the pause doubles with each failure."""

    device: str
    seconds: float
    reason: str


class DeviceNotice(Event, text="{notice}", level="WARNING"):
    """What to know of the device that was chosen; once for each text."""

    notice: str


class GpuSlotsChanged(Event, text="jobs at a time on {device}: {slots}; {reason}"):
    """With jobs_per_gpu = "auto": what was seen of the GPU and of the processors."""

    device: str
    slots: int
    reason: str


class CpuSlotsCounted(
    Event,
    text="jobs that the CPU renders at a time: {slots}, threads for each: {threads}",
):
    """How jobs share the CPU, once for each new number of jobs."""

    slots: int
    threads: int


class DeviceAwaited(Event, text="jobs wait for a device: {reason}", level="WARNING"):
    """No device can take the next job."""

    reason: str


class DiskAwaited(Event, text="jobs wait for room on the disk: {reason}", level="WARNING"):
    """The disk has no room for the next job."""

    reason: str


class MemoryAwaited(Event, text="jobs wait for memory: {reason}", level="WARNING"):
    """Main memory does not suffice for the next job."""

    reason: str


class QueueGoesOn(Event, text="the queue goes on: {why}"):
    """What the jobs waited for is there again."""

    why: str


class WorkerRetired(Event, text="the idle worker on {device} ends: {reason}"):
    """It frees the memory that it holds."""

    device: str
    reason: str


class WorkerDead(Event, text="the idle worker on {device} {reason}", level="WARNING"):
    """A worker without a job ended by itself."""

    device: str
    reason: str


class WorkerNote(Event, text="worker: {note}"):
    """A line from the worker, at its own level."""

    note: str


class ModelLoaded(
    Event,
    text=(
        "model loaded: engine {engine} on {device} ({torch_device}), {precision}, {mib} "
        "MiB {memory}, in {seconds:.1f} s"
    ),
):
    """Once in the life of a worker, for each engine."""

    engine: str
    device: str
    torch_device: str
    precision: str
    mib: int
    memory: str
    seconds: float


class ModelFact(Event, text="model {fact}"):
    """The details of a loaded model, one a line."""

    fact: str
