"""Findings about the NVIDIA driver: whether it is there, new enough, and accessible."""

from heygem_daemon.doctor.check import Check, failed, passed, warned
from heygem_daemon.doctor.child import ProbeFailure
from heygem_daemon.doctor.nvidia_presence import NvidiaPresence
from heygem_daemon.gpu.reading import Readings

NAME = "NVIDIA driver"
OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}
"""CUDA's major version → the first driver branch that supports all its minor versions.
Source: NVIDIA, CUDA Compatibility, 'Minor Version Compatibility', table 1."""
HUNG_DRIVER_REMEDY = (
    "It hangs: look for 'NVRM' and 'Xid' in dmesg, then reboot. Jobs that need a GPU wait until"
    " then."
)
CONTAINER_GPU_REMEDIES = {
    "Docker": "Start it with them: docker run --gpus all (needs the NVIDIA Container Toolkit).",
    "Podman": "Start it with them: podman run --device nvidia.com/gpu=all.",
    "Kubernetes": "Ask for one in the pod's resources: limits: nvidia.com/gpu: 1.",
}


def driver_check(
    readings: Readings | ProbeFailure, presence: NvidiaPresence, torch_cuda: str | None, device: str
) -> Check:
    """Return whether the driver works, and if not, what prevents it.

    ``torch_cuda``: the CUDA version that the installed torch is built for; ``device``: the setting.
    """
    if isinstance(readings, ProbeFailure):
        remedy = HUNG_DRIVER_REMEDY if readings.hung else "Reinstall the driver, or this program."
        return failed(NAME, f"could not be read in a child process: {readings.reason}", remedy)
    if readings.fault is not None:
        return failed(NAME, readings.fault, "Jobs wait until this is repaired.")
    if readings.absence is not None:
        return _absent(readings, presence, device)
    return _age(readings, torch_cuda)


def _age(readings: Readings, torch_cuda: str | None) -> Check:
    """Return whether the driver is new enough for the CUDA of the installed torch."""
    served = readings.cuda_version
    detail = f"{readings.driver or 'unknown'}, serves CUDA up to {served or 'unknown'}"
    if torch_cuda is None or served is None or _major(served) >= _major(torch_cuda):
        return passed(NAME, detail)
    oldest = OLDEST_DRIVER.get(_major(torch_cuda))
    newer = f" to version {oldest} or newer" if oldest else ""
    return failed(
        NAME,
        f"{detail}; torch is built for CUDA {torch_cuda}",
        f"Update the driver{newer}, or install a torch built for CUDA {served}.",
    )


def _major(version: str) -> int:
    return int(version.split(".", maxsplit=1)[0])


def _absent(readings: Readings, presence: NvidiaPresence, device: str) -> Check:
    if device == "cpu":
        return passed(NAME, f"none, and none is needed: {readings.absence}")
    detail, remedy = _cause(readings, presence)
    if device != "auto":
        return failed(NAME, detail, remedy or 'Install it, or set device to "auto" or "cpu".')
    return warned(NAME, detail, remedy) if remedy else passed(NAME, detail)


def _cause(readings: Readings, presence: NvidiaPresence) -> tuple[str, str]:
    """Return what is missing, and a remedy; the remedy is '' where there is no NVIDIA GPU."""
    absence, container = str(readings.absence), presence.container
    if readings.driver is not None:
        return f"{readings.driver}, but {absence}", "Create MIG instances, or see dmesg and lspci."
    if presence.module_version is not None and container is not None:
        start = CONTAINER_GPU_REMEDIES.get(
            container, "Give it the GPUs and the driver's libraries."
        )
        return (
            f"the host has {presence.module_version}, but this container ({container}) got none",
            start,
        )
    if presence.module_version is not None:
        remedy = (
            "Install the libraries of that driver (Debian: libnvidia-ml1 and libcuda1); if they"
            " are there, see dmesg."
        )
        return f"its kernel module {presence.module_version} is loaded, but: {absence}", remedy
    if not presence.pci_addresses:
        return f"none: {absence}", ""
    where = "on the host" if container else "(Debian: nvidia-driver, in non-free) and reboot"
    cards = f"there is an NVIDIA GPU ({', '.join(presence.pci_addresses)})"
    if presence.has_nouveau:
        return f"{cards}, held by the driver nouveau", f"Install NVIDIA's driver {where}."
    return f"{cards}, and no driver is loaded", (
        f"Install the driver {where}. If it is installed, dmesg says why it is not loaded"
        " (Secure Boot refuses modules that are not signed)."
    )
