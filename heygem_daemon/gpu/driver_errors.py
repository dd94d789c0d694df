"""What errors of the NVIDIA driver mean, for one GPU or for all of them.

``nvml`` is the ``pynvml`` module, passed in for its error numbers.
"""

from types import ModuleType

from heygem_daemon.gpu.reading import Readings

LOST = "lost to the driver; it needs a reset or a reboot"


def error_code(error: Exception) -> int | None:
    """Return NVML's number of an error, or None for another exception."""
    value = getattr(error, "value", None)
    return value if isinstance(value, int) else None


def is_loss(nvml: ModuleType, error: Exception) -> bool:
    """Return whether an error means that the GPU is gone, not just that a query failed."""
    return error_code(error) in (nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_RESET_REQUIRED)


def is_mismatch(nvml: ModuleType, error: Exception) -> bool:
    """Return whether the driver and its library have different versions."""
    return bool(error_code(error) == nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)


def gpu_fault(nvml: ModuleType, error: Exception) -> str | None:
    """Return the fault of one GPU; None where the error concerns the driver as a whole."""
    driver_errors = (nvml.NVML_ERROR_UNINITIALIZED, nvml.NVML_ERROR_DRIVER_NOT_LOADED)
    if is_mismatch(nvml, error) or error_code(error) in driver_errors:
        return None
    return LOST if is_loss(nvml, error) else f"the driver reports '{error}' for it; see dmesg"


def failed_readings(nvml: ModuleType, error: Exception) -> Readings:
    """Return the readings of a machine whose driver as a whole fails with ``error``."""
    absences = {
        nvml.NVML_ERROR_LIBRARY_NOT_FOUND: "no NVIDIA driver library, libnvidia-ml.so.1",
        nvml.NVML_ERROR_DRIVER_NOT_LOADED: "the NVIDIA kernel driver is not loaded",
        nvml.NVML_ERROR_GPU_NOT_FOUND: "the NVIDIA driver finds no GPU",
    }
    faults = {
        nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: (
            "the NVIDIA driver and its library have different versions, as after an update;"
            " reboot or reload the driver"
        ),
        nvml.NVML_ERROR_NO_PERMISSION: (
            "the NVIDIA driver refuses access; let this service's user read /dev/nvidia*"
        ),
    }
    code = error_code(error)
    if code in absences:
        return Readings(absence=absences[code])
    return Readings(fault=faults.get(code, f"the NVIDIA driver reports '{error}'; see dmesg"))
