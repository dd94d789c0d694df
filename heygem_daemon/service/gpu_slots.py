"""Decides how many jobs a GPU renders at a time with ``jobs_per_gpu = "auto"``. Pure functions.

A job has the GPU compute and the processors decode and encode. Another job at the same time helps
as long as the GPU has idle time and the processors can feed it.
"""

from dataclasses import dataclass

WINDOW_SECONDS = 30.0
"""How long a GPU is watched, with all its slots at work, before its slots change."""

FULL_PERCENT = 90.0
"""A GPU that computes at least this much of the time has no room for another job."""

SPARE_PERCENT = 80.0
"""Up to this use of the processors another job may start: it needs them to decode and encode."""

STARVED_PERCENT = 95.0
"""From this use of the processors on the jobs wait for them."""

GAIN_PERCENT = 3.0
"""By how much more of the time a GPU must compute with one more job, or that job goes again."""


@dataclass(frozen=True, slots=True)
class GpuLoad:
    """What was seen while all slots of a GPU had jobs whose networks ran. Means over the time."""

    seconds: float = 0.0
    """For how long, 0 or more."""

    gpu_percent: float = 0.0
    """Share of the time in which the GPU computed, 0-100."""

    processor_percent: float = 0.0
    """Use of the machine's processors, 0-100."""

    def with_sample(self, seconds: float, gpu: float, processors: float) -> "GpuLoad":
        """Return the load with ``seconds`` more."""
        total = self.seconds + seconds
        if total <= 0:
            return self
        share = seconds / total
        return GpuLoad(
            total,
            self.gpu_percent + share * (gpu - self.gpu_percent),
            self.processor_percent + share * (processors - self.processor_percent),
        )


@dataclass(frozen=True, slots=True)
class SlotChange:
    """Another number of slots, and why."""

    slots: int
    """1 or more."""

    reason: str
    """A clause for the log."""


def choose_slots(
    slots: int, load: GpuLoad, before: float | None, limit: int, *, is_wanted: bool
) -> SlotChange | None:
    """Return how many slots a GPU is to have next; None: as many as now.

    ``load``: of a whole window; ``before``: the GPU's share of the time with one slot less, where
    that was measured just before; ``limit``: the most slots that may be tried; ``is_wanted``:
    whether a job waits for this GPU.
    """
    gpu, processors = load.gpu_percent, load.processor_percent
    if before is not None and slots > 1 and gpu < before + GAIN_PERCENT:
        text = f"{slots} kept it computing {gpu:.0f} % of the time, one less {before:.0f} %"
        return SlotChange(slots - 1, text)
    if slots > 1 and processors >= STARVED_PERCENT and gpu < FULL_PERCENT:
        return SlotChange(slots - 1, f"the processors are {processors:.0f} % busy")
    has_room = gpu < FULL_PERCENT and processors <= SPARE_PERCENT
    if is_wanted and has_room and slots < limit:
        return SlotChange(slots + 1, f"it computed {gpu:.0f} % of the time")
    return None
