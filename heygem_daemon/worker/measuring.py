"""What a loaded engine takes of its device, measured by putting it through a job's work."""

from collections.abc import Callable

from heygem_daemon.device_faults import is_out_of_memory
from heygem_daemon.engines.memory import DeviceMemory
from heygem_daemon.gpu.needs import MIB, Need

TryOut = Callable[[int], None]
"""Does a job's work on so many frames at once."""

LEAST_BATCH = 8
"""A job begins on a GPU only where so many frames fit."""
SMALL_SHARE = 4
"""The smaller of the two batches that are compared is this part of the larger one."""
BESIDE_HOST_BYTES = 1024 * MIB
"""Main memory that decoding, encoding and the result's review take beside the engine: 1080p took
up to two thirds of it."""


def measured_need(try_out: TryOut, batch: int, memory: DeviceMemory) -> Need:
    """The need of an engine whose work is ``try_out``, with batches of up to ``batch`` frames.

    What ``memory`` does not see, and ``host_bytes``, are left to the caller. Where the larger
    batch does not fit, a smaller one is compared. Raises the device's error where not even the
    smallest fits.
    """
    small = max(1, batch // SMALL_SHARE)
    low = peak_of(try_out, small, memory)
    large, high = batch, None
    while high is None and large > small:
        high = _peak_if_it_fits(try_out, large, memory)
        large = large if high is not None else large // 2
    each = 0 if high is None else max(0, high - low) // (large - small)
    return Need(
        resident_bytes=max(0, low - small * each),
        per_frame_bytes=each,
        least_batch=min(LEAST_BATCH, batch),
        measured=True,
    )


def peak_of(try_out: TryOut, frames: int, memory: DeviceMemory) -> int:
    """The most memory that is in use during the work on ``frames`` frames."""
    memory.relieve()
    memory.forget_peak()
    try_out(frames)
    return memory.peak()


def _peak_if_it_fits(try_out: TryOut, frames: int, memory: DeviceMemory) -> int | None:
    try:
        return peak_of(try_out, frames, memory)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    return None
