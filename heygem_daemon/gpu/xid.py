"""What the driver's numbered errors (Xids) mean for the use of a GPU, and for how long."""

from collections.abc import Callable
from dataclasses import replace

from heygem_daemon.gpu.reading import GpuReading

HARMLESS = frozenset({8, 13, 31, 43, 45, 63, 68, 69, 94, 109})
"""These end the program that met them, and the next one runs: errors of applications, an engine
that was reset, memory errors that were contained. Sources: the list that NVIDIA's k8s-device-plugin
passes over, and the immediate actions 'ignore' and 'restart the application' of NVIDIA's Xid
catalogue."""

MEANINGS = {
    46: "it stopped processing",
    48: "an uncorrectable memory error",
    62: "its power controller halted",
    64: "a bad row of its memory could not be replaced",
    74: "an NVLink error",
    79: "it has fallen off the bus",
    92: "many memory errors",
    95: "an uncontained memory error",
    119: "its system processor does not answer",
    120: "an error of its system processor",
    154: "it needs a reset or the machine a reboot",
}

QUARANTINE_MINUTES = 10

Place = tuple[str, int | None]
"""The UUID of a GPU, and the number of its MIG instance; None: all of the GPU."""


class Xids:
    """The errors heard of, by GPU. Knowing is ours alone: the driver tells each one once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: dict[Place, int] = {}
        self._grave: dict[Place, tuple[int, float]] = {}

    def hear(self, uuid: str, instance: int | None, number: int) -> None:
        """The driver reports ``number`` of the GPU ``uuid``."""
        self._last[uuid, instance] = number
        if number not in HARMLESS:
            self._grave[uuid, instance] = (number, self._clock())

    def marked(self, gpu: GpuReading) -> GpuReading:
        """The reading with what was heard of it, or of the whole GPU that it is an instance of."""
        card = gpu.mig_parent or gpu.uuid
        places: list[Place] = [(card, None)]
        if gpu.mig_instance is not None:
            places.append((card, gpu.mig_instance))
        last = next((self._last[place] for place in places if place in self._last), None)
        faults = [self._fault(place) for place in places]
        fault = next((fault for fault in faults if fault is not None), None)
        return replace(gpu, xid=last, fault=gpu.fault or fault)

    def _fault(self, place: Place) -> str | None:
        number, at = self._grave.get(place, (0, 0.0))
        if number == 0 or self._clock() - at > QUARANTINE_MINUTES * 60:
            return None
        meaning = f" ({MEANINGS[number]})" if number in MEANINGS else ""
        return (
            f"the driver reported Xid {number} of it{meaning};"
            f" it is left alone for {QUARANTINE_MINUTES} minutes after that; see dmesg"
        )
