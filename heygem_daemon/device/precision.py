"""Which types of numbers a device computes with, besides float32."""

import torch

FLOAT16_FROM = (7, 0)
"""Volta: tensor cores for float16. Earlier GPUs compute it slowly, or not at all."""
BFLOAT16_FROM = (8, 0)
"""Ampere."""


def half_precision_dtypes(device: torch.device) -> tuple[torch.dtype, ...]:
    """The types of 16 bits that a GPU is good at, the more exact first; none on the CPU."""
    if device.type != "cuda":
        return ()
    capability = torch.cuda.get_device_capability(device)
    return (
        *((torch.float16,) if capability >= FLOAT16_FROM else ()),
        *((torch.bfloat16,) if capability >= BFLOAT16_FROM else ()),
    )


def dtype_name(precision: torch.dtype) -> str:
    """'float32', 'bfloat16' or 'float16'."""
    return str(precision).removeprefix("torch.")
