"""Findings about CUDA: whether the driver shows its GPUs to our workers, and what hides them."""

from collections.abc import Mapping

from heygem_daemon.counts import counted
from heygem_daemon.doctor.answers import CudaAnswer
from heygem_daemon.doctor.check import Check, failed, passed, warned
from heygem_daemon.doctor.child import ProbeFailure
from heygem_daemon.doctor.driver import HUNG_DRIVER_REMEDY
from heygem_daemon.doctor.nvidia_presence import NvidiaPresence
from heygem_daemon.gpu.reading import Readings, format_cuda_version

NAME = "CUDA"
VARIABLE = "CUDA_VISIBLE_DEVICES"
CUINIT_ERRORS = {
    34: ("libcuda.so.1 is the toolkit's stub", "Take its 'stubs' folder out of LD_LIBRARY_PATH."),
    46: (
        "another process holds the GPU for itself alone",
        "Allow sharing: nvidia-smi --compute-mode=DEFAULT.",
    ),
    304: (
        "the operating system refuses it a device",
        "Load the module (modprobe nvidia_uvm) and let this user open /dev/nvidia-uvm.",
    ),
    802: (
        "the NVSwitch between the GPUs is not ready",
        "Start it: systemctl enable --now nvidia-fabricmanager.",
    ),
    803: (
        "the driver and its CUDA library have different versions",
        "Reboot, or reload the driver; a container must get the host's libraries.",
    ),
    804: (
        "a cuda-compat package hides the driver's own library, which this GPU needs",
        "Remove cuda-compat, or take it out of LD_LIBRARY_PATH.",
    ),
    999: (
        "it failed for an unknown reason",
        "Reload its memory module: rmmod nvidia_uvm, then modprobe nvidia_uvm. Else reboot.",
    ),
}
"""What cuInit returns → its meaning, and what to do (CUDA Driver API, CUresult)."""


def cuda_checks(
    unmasked: CudaAnswer | ProbeFailure,
    inherited: CudaAnswer | ProbeFailure,
    readings: Readings,
    presence: NvidiaPresence,
    environment: Mapping[str, str],
) -> list[Check]:
    """Return what CUDA shows, and what ``CUDA_VISIBLE_DEVICES`` does where it is set.

    ``unmasked`` is the answer without that variable, which the daemon sets itself for workers.
    ``inherited`` is the answer in this process's own environment.
    """
    checks = [_driver_check(unmasked, readings, presence)]
    if (value := environment.get(VARIABLE)) is not None:
        checks.append(_variable(value, unmasked, inherited))
    return checks


def _driver_check(
    answer: CudaAnswer | ProbeFailure, readings: Readings, presence: NvidiaPresence
) -> Check:
    if isinstance(answer, ProbeFailure):
        remedy = HUNG_DRIVER_REMEDY if answer.hung else "Reinstall the driver."
        return failed(NAME, f"could not be tested in a child process: {answer.reason}", remedy)
    if answer.missing is not None:
        return failed(NAME, answer.missing, _missing_library_remedy(presence))
    if answer.status != 0 or answer.gpus == 0:
        return _no_gpu_check(answer, presence)
    detail = f"{format_cuda_version(answer.version or 0)}, shows {_gpus(answer.gpus)}"
    divided = any(gpu.mig_parent for gpu in readings.gpus)  # CUDA shows only the first instance
    if answer.gpus < len(readings.gpus) and not divided:
        remedy = "Let this service open all of /dev/nvidia*, or name in gpus those that it may use."
        return warned(NAME, f"{detail} of the driver's {len(readings.gpus)}", remedy)
    return passed(NAME, detail)


def _missing_library_remedy(presence: NvidiaPresence) -> str:
    if presence.container:
        return "Give the container NVIDIA_DRIVER_CAPABILITIES=compute,utility,video."
    return "Install the driver's CUDA library (Debian: libcuda1)."


def _no_gpu_check(answer: CudaAnswer, presence: NvidiaPresence) -> Check:
    if presence.inaccessible_files:
        return failed(
            NAME,
            f"shows no GPU; this user may not open {', '.join(presence.inaccessible_files)}",
            "Add the user to the files' group (video or render); under systemd see DeviceAllow=.",
        )
    meaning, remedy = CUINIT_ERRORS.get(
        answer.status or 0,
        (
            "shows no GPU",
            "See dmesg; nvidia-smi shows whether the driver works for other programs.",
        ),
    )
    return failed(NAME, f"{meaning} (cuInit returned {answer.status})", remedy)


def _variable(
    value: str, unmasked: CudaAnswer | ProbeFailure, inherited: CudaAnswer | ProbeFailure
) -> Check:
    """Workers get their own value of the variable, so a value set here only misleads."""
    setting = f"is set to {value!r}" if value else "is set to nothing"
    effect = _variable_effect(value, unmasked, inherited)
    return warned(
        VARIABLE,
        f"{setting}, {effect}; the daemon ignores it",
        "To restrict the daemon, name GPUs in the setting gpus, and unset the variable.",
    )


def _variable_effect(
    value: str, unmasked: CudaAnswer | ProbeFailure, inherited: CudaAnswer | ProbeFailure
) -> str:
    every = unmasked.gpus if isinstance(unmasked, CudaAnswer) else 0
    shown = inherited.gpus if isinstance(inherited, CudaAnswer) else 0
    if not value or value == "-1":
        return "which hides every GPU"
    if shown == 0:
        return "which names no GPU of this machine and so hides every one"
    return f"which leaves {shown} of {_gpus(every)}"


def _gpus(count: int) -> str:
    return counted(count, "1 GPU", "{count} GPUs")
