"""The doctor: everything that a job will need, tried out one by one, with what to do about it.

Nothing here imports torch or av, or calls a driver: what only they can tell is asked of child
processes, so that a broken build or a sick driver is a finding and not the end of the examination.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor import clock, software
from heygem_daemon.doctor.answers import Cuda, Library, Torch, VideoHardware
from heygem_daemon.doctor.check import Check, Section
from heygem_daemon.doctor.checkpoints import checkpoint_checks
from heygem_daemon.doctor.child import Trouble, ask
from heygem_daemon.doctor.cuda import VARIABLE, cuda_checks
from heygem_daemon.doctor.disk import disk_checks
from heygem_daemon.doctor.driver import driver_check
from heygem_daemon.doctor.folders import folder_checks
from heygem_daemon.doctor.gpus import Prospect, gpu_checks
from heygem_daemon.doctor.host import host_checks
from heygem_daemon.doctor.nvidia_presence import Presence, presence
from heygem_daemon.doctor.speed import measured
from heygem_daemon.doctor.weights import weights_checks
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.gpu.torch_build import installed
from heygem_daemon.spool.layout import Layout

PROBE = "heygem_daemon.doctor.probe"
DRIVER_SECONDS = 30.0
"""A driver that is not kept resident takes up to three seconds a GPU to wake."""
IMPORT_SECONDS = 120.0
"""A first import of a CUDA build of torch from a cold disk takes the better part of a minute."""


@dataclass(frozen=True)
class Subject:
    """What is examined. ``at_work``: a daemon runs on the spool; ``told_at``: UNIX time of its
    last status."""

    settings: Settings
    prospect: Prospect
    at_work: bool = False
    told_at: float | None = None

    @cached_property
    def readings(self) -> Readings | Trouble:
        """What the driver says of its GPUs, asked once."""
        return ask(["-m", PROBE, "driver"], Readings, DRIVER_SECONDS)

    @cached_property
    def torch(self) -> Torch | Trouble:
        """What torch says of itself and the GPUs, asked once."""
        return ask(["-m", PROBE, "torch_build"], Torch, IMPORT_SECONDS, _bare())

    @property
    def known(self) -> Readings:
        """The same, with a driver that gives no answer as one at fault."""
        if isinstance(self.readings, Trouble):
            return Readings(fault=f"the driver {self.readings.reason}")
        return self.readings


def examine(subject: Subject, quick: bool = False) -> Iterator[Section]:
    """All findings, in the order in which a person would look, each section when it is known.

    ``quick``: only what takes a second or two where all is well.
    """
    began = clock.moment()
    yield Section("software", tuple(_software(subject, quick)))
    yield Section("GPU", tuple(_gpu(subject, quick)))
    yield Section("weights", tuple(_weights(subject, quick)))
    yield Section("machine", tuple(_machine(subject, began)))
    yield Section("spool", tuple(_spool(subject.settings)))
    if not quick:
        yield Section("speed", tuple(measured(subject.settings, _usable(subject))))


def _software(subject: Subject, quick: bool) -> Iterator[Check]:
    build = installed()
    yield software.python_check()
    yield software.build_check(build, subject.known, subject.settings.device)
    if quick:
        return
    if build is not None:
        yield from software.import_checks(subject.torch)
    torchaudio = ask(["-m", PROBE, "torchaudio_parts"], Library, IMPORT_SECONDS)
    yield software.torchaudio_check(torchaudio)
    encoder = ask(["-m", PROBE, "video", "software"], Library, IMPORT_SECONDS)
    yield software.encoder_check(encoder)


def _gpu(subject: Subject, quick: bool) -> Iterator[Check]:
    build, here = installed(), presence()
    cuda = build.cuda if build else None
    yield driver_check(subject.readings, here, cuda, subject.settings.device)
    if subject.known.gpus and cuda is not None:
        yield from _cuda(subject.known, here)
        if not quick and isinstance(subject.torch, Torch):
            yield from software.torch_checks(subject.torch, subject.known)
    yield from gpu_checks(subject.known, subject.prospect, subject.at_work)
    if subject.known.gpus and not quick:
        yield from software.hardware_checks(
            ask(["-m", PROBE, "video", "hardware"], VideoHardware, DRIVER_SECONDS)
        )


def _cuda(readings: Readings, here: Presence) -> list[Check]:
    """What CUDA shows as our workers are started, and in our own environment."""
    program = ["-m", PROBE, "cuda"]
    free = ask(program, Cuda, DRIVER_SECONDS, _bare())
    ours = ask(program, Cuda, DRIVER_SECONDS) if VARIABLE in os.environ else free
    return cuda_checks(free, ours, readings, here, os.environ)


def _bare() -> dict[str, str]:
    """Our environment without what may hide GPUs: a worker is given a value of its own."""
    return {key: value for key, value in os.environ.items() if key != VARIABLE}


def _weights(subject: Subject, quick: bool) -> list[Check]:
    weights = subject.settings.weights
    return [*weights_checks(weights), *([] if quick else checkpoint_checks(weights))]


def _usable(subject: Subject) -> list[GpuReading]:
    return [gpu for gpu in subject.known.gpus if subject.prospect.can_use(gpu)]


def _memory_needed(subject: Subject) -> int:
    """Bytes of main memory, on whichever device needs most."""
    names = {gpu.name for gpu in _usable(subject)} or {"CPU"}
    return max(subject.prospect.wish.need(name).host_bytes for name in names)


def _machine(subject: Subject, began: clock.Moment) -> list[Check]:
    synchronized = clock.is_synchronized()
    return [
        *host_checks(Layout(subject.settings.spool).inbox, _memory_needed(subject)),
        clock.clock_check(began, clock.moment(), synchronized, subject.told_at),
    ]


def _spool(settings: Settings) -> list[Check]:
    return [
        *folder_checks(settings.spool, settings.log_folder),
        *disk_checks(settings.spool, Layout(settings.spool).cache, settings.log_folder),
    ]
