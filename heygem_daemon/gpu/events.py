"""The Xids that the driver reports while we listen: each once, to those who were there."""

import ctypes
from collections.abc import Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any, NamedTuple

WHOLE = 0xFFFFFFFF
"""nvml.h: an event that is not of one MIG instance alone."""
MOST_AT_ONCE = 64
"""So that a storm of events cannot keep a reading from its end."""


class Xid(NamedTuple):
    """An error of the GPU ``uuid``, or of one MIG ``instance`` of it; ``number`` says which."""

    uuid: str
    instance: int | None
    number: int


class Listener:
    """Listens to all GPUs of an initialised NVML that have events; to none where there are none
    to be had. Raises NVMLError where the GPUs cannot even be counted."""

    def __init__(self, nvml: ModuleType) -> None:
        self._nvml = nvml
        self._set: Any = None
        self._uuids: dict[int | None, str] = {}
        """By handle: a GPU that is lost does not say any more who it is."""
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

    def heard(self) -> Iterator[Xid]:
        """What has come since the last call, oldest first; never waits."""
        for _ in range(MOST_AT_ONCE if self._set is not None else 0):
            try:
                event = self._nvml.nvmlEventSetWait(self._set, 0)
            except self._nvml.NVMLError:
                return
            uuid = self._uuids.get(_address(event.device))
            instance = None if event.gpuInstanceId == WHOLE else int(event.gpuInstanceId)
            if uuid is not None:
                yield Xid(uuid, instance, int(event.eventData))

    def close(self) -> None:
        """Listen no more."""
        if self._set is not None:
            with suppress(self._nvml.NVMLError):
                self._nvml.nvmlEventSetFree(self._set)


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value
