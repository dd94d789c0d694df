"""Xids, the numbered errors that the NVIDIA driver reports: listening to them, and their meaning.

The driver reports each Xid once, only to processes that listen at that moment. A serious one puts
its GPU out of use for some minutes.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from types import ModuleType
from typing import Any, NamedTuple

from heygem_daemon.gpu.reading import GpuReading

# fmt: off
PROGRAM_ERRORS = frozenset({
    8, 11, 13, 25, 31, 32, 39, 40, 41, 60, *range(68, 73), 75, 76, 77, 80, *range(82, 87), 88, 89,
    94, *range(96, 106), *range(126, 136), 139,
})
INFORMATIVE = frozenset({
    14, 37, 38, 43, 44, 45, 63, 66, 67, 92, 93, 106, 107, 108, 121, 137, 141, 154, 157,
    *range(160, 167),
})
# fmt: on
HARMLESS = PROGRAM_ERRORS | INFORMATIVE
"""Xids that end at most the program that caused them: NVIDIA's Xid catalogue
(docs.nvidia.com/deploy/xid-errors) gives 'restart the application' or 'ignore' as the immediate
action. 45 and 154 only follow others, and the action that 154 asks for is read from the GPU itself.
Any other Xid is serious, including one that the catalogue does not have yet."""

MEANINGS = {
    46: "it stopped processing",
    48: "an uncorrectable memory error",
    62: "its power controller halted",
    64: "a bad row of its memory could not be replaced",
    74: "an NVLink error",
    79: "it has fallen off the bus",
    95: "an uncontained memory error",
    109: "it did not switch to another program in time",
    119: "its system processor does not answer",
    120: "an error of its system processor",
    140: "an uncorrectable memory error",
    143: "it could not be initialised",
}

QUARANTINE_MINUTES = 10

XidLocation = tuple[str, int | None]
"""The UUID of a GPU, and the number of its MIG instance (None: the whole GPU)."""


class XidHistory:
    """Remembers the Xids of each GPU, because the driver reports each one only once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: dict[XidLocation, int] = {}
        self._serious: dict[XidLocation, tuple[int, float]] = {}

    def record(self, uuid: str, instance: int | None, number: int) -> None:
        """Remember that the driver reported the Xid ``number`` for the GPU ``uuid``."""
        self._last[uuid, instance] = number
        if number not in HARMLESS:
            self._serious[uuid, instance] = (number, self._clock())

    def annotate(self, gpu: GpuReading) -> GpuReading:
        """Return the reading with the Xids of its GPU or instance, and the fault that follows."""
        card = gpu.mig_parent or gpu.uuid
        places: list[XidLocation] = [(card, None)]
        if gpu.mig_instance is not None:
            places.append((card, gpu.mig_instance))
        last = next((self._last[place] for place in places if place in self._last), None)
        faults = [self._fault(place) for place in places]
        fault = next((fault for fault in faults if fault is not None), None)
        return replace(gpu, xid=last, fault=gpu.fault or fault)

    def _fault(self, place: XidLocation) -> str | None:
        number, at = self._serious.get(place, (0, 0.0))
        if number == 0 or self._clock() - at > QUARANTINE_MINUTES * 60:
            return None
        meaning = f" ({MEANINGS[number]})" if number in MEANINGS else ""
        return (
            f"the driver reported Xid {number} of it{meaning};"
            f" it is not used for {QUARANTINE_MINUTES} minutes after that; see dmesg"
        )


WHOLE_GPU = 0xFFFFFFFF
"""The instance id of an event that concerns more than one MIG instance (nvml.h)."""
MAX_EVENTS_PER_POLL = 64
"""A limit, so that a flood of events cannot delay a reading for ever."""


class Xid(NamedTuple):
    """An error that the driver reported."""

    uuid: str
    """UUID of the GPU."""
    instance: int | None
    """Number of the MIG instance; None for the whole GPU."""
    number: int
    """Number in NVIDIA's Xid catalogue."""


class XidListener:
    """Listens to all GPUs of an initialised NVML that support events.

    Where the driver has no events, it listens to none. Raises NVMLError where the GPUs cannot even
    be counted.
    """

    def __init__(self, nvml: ModuleType) -> None:
        self._nvml = nvml
        self._set: Any = None
        self._uuids: dict[int | None, str] = {}
        """UUIDs by handle: a GPU that is lost no longer reports its UUID."""
        with suppress(nvml.NVMLError):
            self._set = nvml.nvmlEventSetCreate()
        for index in range(nvml.nvmlDeviceGetCount() if self._set is not None else 0):
            with suppress(nvml.NVMLError):
                self._register(nvml.nvmlDeviceGetHandleByIndex(index))

    def _register(self, card: Any) -> None:
        kind = self._nvml.nvmlEventTypeXidCriticalError
        if self._nvml.nvmlDeviceGetSupportedEventTypes(card) & kind:
            self._uuids[_address(card)] = str(self._nvml.nvmlDeviceGetUUID(card))
            self._nvml.nvmlDeviceRegisterEvents(card, kind, self._set)

    def poll(self) -> Iterator[Xid]:
        """Yield the Xids since the last call, oldest first; never waits."""
        for _ in range(MAX_EVENTS_PER_POLL if self._set is not None else 0):
            try:
                event = self._nvml.nvmlEventSetWait(self._set, 0)
            except self._nvml.NVMLError:
                return
            uuid = self._uuids.get(_address(event.device))
            instance = None if event.gpuInstanceId == WHOLE_GPU else int(event.gpuInstanceId)
            if uuid is not None:
                yield Xid(uuid, instance, int(event.eventData))

    def close(self) -> None:
        """Stop listening."""
        if self._set is not None:
            with suppress(self._nvml.NVMLError):
                self._nvml.nvmlEventSetFree(self._set)


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value
