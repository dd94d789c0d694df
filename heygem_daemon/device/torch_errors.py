"""Classify torch's errors: out of memory, or a broken GPU; and describe them plainly.

This module does not import torch: where torch is not loaded, it cannot have raised anything.
"""

import sys
from typing import Literal

TorchFault = Literal["gpu memory", "host memory", "device"]
"""``device``: the GPU, or this process's context on it, is broken, and no later result of this
process on it can be trusted (CUDA calls such errors sticky). The other two: memory ran out, and
less work at a time may fit."""

_CUDA_OUT_OF_MEMORY = 2
"""cudaErrorMemoryAllocation, raised for memory that torch's own allocator does not manage."""

_HOST_MEMORY_SIGNS = ("DefaultCPUAllocator: can't allocate memory",)
_GPU_MEMORY_SIGNS = (
    "out of memory",
    "STATUS_ALLOC_FAILED",
    "ALLOCATION_FAILED",
    "unable to find an engine to execute this computation",
)
"""Messages of CUDA, cuBLAS, cuDNN, and of torch where cuDNN had no memory for any algorithm."""

_USAGE_ERROR_SIGNS = (
    "invalid argument",
    "invalid configuration argument",
    "invalid resource handle",
    "INVALID_VALUE",
    "BAD_PARAM",
    "NOT_SUPPORTED",
)
"""Messages for an invalid call: a bug in the program, after which the device still works."""

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
"""Parts of the messages of plain RuntimeErrors from CUDA and its libraries."""

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
"""The commonest faults of a GPU: part of the message → what it means, a clause about the GPU."""


def classify_torch_error(error: BaseException) -> TorchFault | None:
    """Return the kind of ``error``; None where it is about neither memory nor a broken device."""
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
    """Whether memory ran out, so that less work at a time may fit."""
    return classify_torch_error(error) in ("gpu memory", "host memory")


def describe_torch_error(error: BaseException) -> str | None:
    """Return a sentence for the operator; None where ``classify_torch_error`` returns None."""
    fault = classify_torch_error(error)
    if fault is None:
        return None
    if isinstance(error, MemoryError):
        return "The worker ran out of memory."
    if fault == "host memory":
        return f"The worker ran out of memory: {_first_line(error)}"
    if fault == "gpu memory":
        return f"The GPU ran out of memory: {_first_line(error)}"
    meaning = next((text for sign, text in _MEANINGS.items() if sign in str(error)), None)
    return f"The GPU failed{f': {meaning}' if meaning else ''} ({_first_line(error)})"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _contains_any(text: str, signs: tuple[str, ...]) -> bool:
    return any(sign in text for sign in signs)
