"""The doctor's examination: it tests everything that a job needs, with a remedy for each problem.

Nothing here imports torch or av, or calls a driver. Child processes do that, so that a broken build
or a hanging driver is a finding and does not end the examination.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor import clock, software
from heygem_daemon.doctor.answers import (
    ConfinementAnswer,
    CudaAnswer,
    LibraryAnswer,
    TorchAnswer,
    VideoHardware,
)
from heygem_daemon.doctor.check import Check, Section
from heygem_daemon.doctor.checkpoints import (
    checkpoint_checks,
    misplaced_checks,
    needed_checkpoint_check,
)
from heygem_daemon.doctor.child import ProbeFailure, run_probe
from heygem_daemon.doctor.cluster import examine_cluster
from heygem_daemon.doctor.confinement import confinement_check
from heygem_daemon.doctor.cuda import VARIABLE, cuda_checks
from heygem_daemon.doctor.disk import disk_checks
from heygem_daemon.doctor.driver import driver_check
from heygem_daemon.doctor.folders import folder_checks, sandbox_checks
from heygem_daemon.doctor.gpus import TypicalJob, gpu_checks
from heygem_daemon.doctor.host import host_checks
from heygem_daemon.doctor.network import network_checks
from heygem_daemon.doctor.nvidia_presence import NvidiaPresence, detect_nvidia
from heygem_daemon.doctor.signing import signing_checks
from heygem_daemon.doctor.slots import slots_check
from heygem_daemon.doctor.speed import measure_speeds
from heygem_daemon.doctor.weights import weights_checks
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.gpu.torch_build import installed_torch
from heygem_daemon.spool.clock_record import describe_doubt, read_known_time
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.system.clock_sync import is_synchronized
from heygem_daemon.system.host_memory import total_bytes
from heygem_daemon.system.installation import shipped_weights
from heygem_daemon.system.processors import read_processors

PROBE = "heygem_daemon.doctor.probe"
DRIVER_TIMEOUT_SECONDS = 30.0
"""A driver that is not kept resident takes up to three seconds per GPU to start."""
CONFINEMENT_TIMEOUT_SECONDS = 20.0
IMPORT_TIMEOUT_SECONDS = 120.0
"""A first import of a CUDA build of torch from a cold disk takes most of a minute."""


@dataclass(frozen=True)
class DoctorInputs:
    """What the doctor examines."""

    settings: Settings
    typical_job: TypicalJob
    daemon_running: bool = False
    """Whether a daemon runs on the spool."""
    last_status_at: float | None = None
    """When the daemon last wrote its status, in UNIX time; None: never."""

    @cached_property
    def readings(self) -> Readings | ProbeFailure:
        """The driver's readings of its GPUs, taken once."""
        return run_probe(["-m", PROBE, "driver"], Readings, DRIVER_TIMEOUT_SECONDS)

    @cached_property
    def torch(self) -> TorchAnswer | ProbeFailure:
        """What torch reports about itself and the GPUs, read once."""
        return run_probe(
            ["-m", PROBE, "torch_build"],
            TorchAnswer,
            IMPORT_TIMEOUT_SECONDS,
            _environment_without_mask(),
        )

    @property
    def readings_or_fault(self) -> Readings:
        """The same readings; a driver that does not answer counts as one at fault."""
        if isinstance(self.readings, ProbeFailure):
            return Readings(fault=f"the driver {self.readings.reason}")
        return self.readings


def examine(inputs: DoctorInputs, quick: bool = False, cluster: bool = False) -> Iterator[Section]:
    """Yield each section of findings when it is complete, in the order of a manual check.

    ``quick``: only checks that take a second or two where all is well. ``cluster``: also the other
    machines of the cluster.
    """
    began = clock.read_clocks()
    yield Section("software", tuple(_software(inputs, quick)))
    yield Section("GPU", tuple(_gpu(inputs, quick)))
    yield Section("weights", tuple(_weights(inputs, quick)))
    yield Section("machine", tuple(_machine(inputs, began)))
    yield Section("spool", tuple(_spool(inputs.settings)))
    if cluster:
        yield Section("cluster", tuple(examine_cluster(inputs.settings, quick)))
    if not quick:
        yield Section("speed", tuple(measure_speeds(inputs.settings, _usable(inputs))))


def _software(inputs: DoctorInputs, quick: bool) -> Iterator[Check]:
    build = installed_torch()
    yield software.python_check()
    yield software.torch_build_check(build, inputs.readings_or_fault, inputs.settings.device)
    yield from signing_checks(inputs.settings)
    if quick:
        return
    if build is not None:
        yield from software.torch_import_checks(inputs.torch)
    torchaudio = run_probe(["-m", PROBE, "torchaudio_parts"], LibraryAnswer, IMPORT_TIMEOUT_SECONDS)
    yield software.torchaudio_check(torchaudio)
    program = ["-m", PROBE, "video", "software", inputs.settings.confine]
    encoder = run_probe(program, LibraryAnswer, IMPORT_TIMEOUT_SECONDS)
    yield software.encoder_check(encoder)


def _gpu(inputs: DoctorInputs, quick: bool) -> Iterator[Check]:
    build, presence = installed_torch(), detect_nvidia()
    cuda = build.cuda if build else None
    yield driver_check(inputs.readings, presence, cuda, inputs.settings.device)
    if inputs.readings_or_fault.gpus and cuda is not None:
        yield from _cuda(inputs.readings_or_fault, presence)
        if not quick and isinstance(inputs.torch, TorchAnswer):
            yield from software.torch_checks(inputs.torch, inputs.readings_or_fault)
    yield from gpu_checks(inputs.readings_or_fault, inputs.typical_job, inputs.daemon_running)
    if inputs.readings_or_fault.gpus and not quick:
        yield from software.hardware_checks(
            run_probe(["-m", PROBE, "video", "hardware"], VideoHardware, DRIVER_TIMEOUT_SECONDS)
        )


def _cuda(readings: Readings, presence: NvidiaPresence) -> list[Check]:
    """Return what CUDA shows to a worker, and in this process's own environment."""
    program = ["-m", PROBE, "cuda"]
    unmasked = run_probe(program, CudaAnswer, DRIVER_TIMEOUT_SECONDS, _environment_without_mask())
    inherited = unmasked
    if VARIABLE in os.environ:
        inherited = run_probe(program, CudaAnswer, DRIVER_TIMEOUT_SECONDS)
    return cuda_checks(unmasked, inherited, readings, presence, os.environ)


def _environment_without_mask() -> dict[str, str]:
    """Return this process's environment without the variable that may hide GPUs."""
    return {key: value for key, value in os.environ.items() if key != VARIABLE}


def _weights(inputs: DoctorInputs, quick: bool) -> list[Check]:
    weights, own = shipped_weights(), inputs.settings.checkpoints
    examined = None if quick else checkpoint_checks(own)
    return [
        *weights_checks(weights),
        *misplaced_checks(weights, own),
        *(examined or []),
        *needed_checkpoint_check(inputs.settings.engine, own, examined),
    ]


def _usable(inputs: DoctorInputs) -> list[GpuReading]:
    return [gpu for gpu in inputs.readings_or_fault.gpus if inputs.typical_job.can_use(gpu)]


def _memory_needed(inputs: DoctorInputs) -> int:
    """Return the bytes of main memory that a job needs, on whichever device needs most."""
    names = {gpu.name for gpu in _usable(inputs)} or {"CPU"}
    return max(inputs.typical_job.request.need(name).host_bytes for name in names)


def _machine(inputs: DoctorInputs, began: clock.ClockReading) -> list[Check]:
    synchronized, now = is_synchronized(), clock.read_clocks()
    days = inputs.settings.retention_days
    known = read_known_time(SpoolLayout(inputs.settings.spool))
    doubt = describe_doubt(now.wall, known.newest, days)
    return [
        *host_checks(SpoolLayout(inputs.settings.spool).inbox, _memory_needed(inputs)),
        slots_check(
            inputs.settings,
            _usable(inputs),
            inputs.typical_job.request.need(CPU.name),
            read_processors(),
            total_bytes(),
        ),
        clock.clock_check(began, now, synchronized, inputs.last_status_at, doubt),
        _confinement(inputs),
        *network_checks(inputs.settings),
    ]


def _confinement(inputs: DoctorInputs) -> Check:
    program = ["-m", PROBE, "confinement"]
    answer = run_probe(program, ConfinementAnswer, CONFINEMENT_TIMEOUT_SECONDS)
    return confinement_check(answer, inputs.settings.confine, bool(_usable(inputs)))


def _spool(settings: Settings) -> list[Check]:
    places = {"spool": settings.spool, "log folder": settings.log_folder}
    denied = sandbox_checks(places)
    # Where the unit denies a folder, what is found within it would have another remedy.
    within = [] if denied else folder_checks(settings.spool, settings.log_folder)
    return [
        *denied,
        *within,
        *disk_checks(settings.spool, SpoolLayout(settings.spool).cache, settings.log_folder),
    ]
