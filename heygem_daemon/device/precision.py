"""Number types that a device computes with, besides float32."""

import torch

FLOAT16_FROM = (7, 0)
"""CUDA compute capability of Volta, the first with tensor cores for float16. Earlier GPUs compute
float16 slowly or not at all."""
BFLOAT16_FROM = (8, 0)
"""CUDA compute capability of Ampere, the first with bfloat16."""


def half_precision_dtypes(device: torch.device) -> tuple[torch.dtype, ...]:
    """Return the 16-bit types that a GPU computes fast, the more exact first; none on the CPU."""
    if device.type != "cuda":
        return ()
    capability = torch.cuda.get_device_capability(device)
    return (
        *((torch.float16,) if capability >= FLOAT16_FROM else ()),
        *((torch.bfloat16,) if capability >= BFLOAT16_FROM else ()),
    )


def dtype_name(precision: torch.dtype) -> str:
    """Return 'float32', 'bfloat16' or 'float16'."""
    return str(precision).removeprefix("torch.")
