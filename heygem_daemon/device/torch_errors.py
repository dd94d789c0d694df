"""Which errors of torch speak of the GPU or of memory, and their plain words.

Torch is asked for nothing but the types of its exceptions, and only where it is loaded anyway:
where it is not, it cannot have raised anything.
"""

import sys
from typing import Literal

TorchFault = Literal["gpu memory", "host memory", "device"]
"""``device``: the GPU, or this process's hold on it, is broken, and nothing can be trusted that
the process still asks of it (CUDA calls such errors sticky). Of memory there was too little:
less work at a time may do."""

_CUDA_OUT_OF_MEMORY = 2
"""cudaErrorMemoryAllocation, raised for what torch's own allocator does not hand out."""

_HOST_MEMORY_SIGNS = ("DefaultCPUAllocator: can't allocate memory",)
_GPU_MEMORY_SIGNS = (
    "out of memory",
    "STATUS_ALLOC_FAILED",
    "ALLOCATION_FAILED",
    "unable to find an engine to execute this computation",
)
"""CUDA, cuBLAS, cuDNN, and torch where cuDNN found no room for any of its ways."""

_USAGE_ERROR_SIGNS = (
    "invalid argument",
    "invalid configuration argument",
    "invalid resource handle",
    "INVALID_VALUE",
    "BAD_PARAM",
    "NOT_SUPPORTED",
)
"""The device was asked for what cannot be: a bug, which hurts nobody else."""

_DEVICE_FAULT_SIGNS = (
    "CUDA error:",
    "CUDA driver error:",
    "CUDA unknown error",
    "No CUDA GPUs are available",
    "Found no NVIDIA driver",
    "NVIDIA driver on your system is too old",
    "cuDNN error:",
    "cuFFT error:",
    "CUDACachingAllocator",
)
"""What messages of plain RuntimeErrors from CUDA and its libraries hold."""

_MEANINGS = {
    "illegal memory access": "a computation on it touched memory that is not its own",
    "device-side assert": "a computation on it stopped at a failed check",
    "unspecified launch failure": "a computation on it failed",
    "launch timed out": "a computation on it took longer than the driver allows",
    "ECC error": "its memory is damaged",
    "busy or unavailable": "the driver calls it busy or unavailable",
    "No CUDA GPUs": "CUDA shows none",
    "Found no NVIDIA driver": "there is no driver",
    "too old": "its driver is too old for the installed torch",
    "driver version is insufficient": "its driver is too old for the installed torch",
    "unsupported toolchain": "its driver is too old for the installed torch",
    "mismatch": "its driver and the driver's library are of different versions; a reboot helps",
    "no kernel image": "the installed torch is not built for this kind of GPU",
}
"""What the commonest faults of a GPU mean, by a piece of their message."""


def classify_torch_error(error: BaseException) -> TorchFault | None:
    """What ``error`` speaks of; None: neither of memory nor of a broken device."""
    if isinstance(error, MemoryError):
        return "host memory"
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(error, RuntimeError):
        return None
    text = str(error)
    if _contains_any(text, _HOST_MEMORY_SIGNS):
        return "host memory"
    code = getattr(error, "error_code", None)
    if (
        isinstance(error, torch.OutOfMemoryError)
        or code == _CUDA_OUT_OF_MEMORY
        or _contains_any(text, _GPU_MEMORY_SIGNS)
    ):
        return "gpu memory"
    broken = isinstance(error, torch.AcceleratorError) or _contains_any(text, _DEVICE_FAULT_SIGNS)
    return "device" if broken and not _contains_any(text, _USAGE_ERROR_SIGNS) else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether less work at a time may do."""
    return classify_torch_error(error) in ("gpu memory", "host memory")


def describe_torch_error(error: BaseException) -> str | None:
    """What ``fault_of`` found, as a sentence for an operator; None where it found nothing."""
    fault = classify_torch_error(error)
    if fault is None:
        return None
    if isinstance(error, MemoryError):
        return "The worker ran out of memory."
    if fault == "host memory":
        return f"The worker ran out of memory: {_first_line(error)}"
    if fault == "gpu memory":
        return f"The GPU ran out of memory: {_first_line(error)}"
    meaning = next((words for sign, words in _MEANINGS.items() if sign in str(error)), None)
    return f"The GPU failed{f': {meaning}' if meaning else ''} ({_first_line(error)})"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _contains_any(text: str, signs: tuple[str, ...]) -> bool:
    return any(sign in text for sign in signs)
