"""The classes of torch's errors: its real exceptions, with CUDA's messages."""

import subprocess
import sys

import pytest
import torch

from heygem_daemon.device.torch_errors import (
    TorchFault,
    classify_torch_error,
    describe_torch_error,
    is_out_of_memory,
)


def accelerator(text: str, code: int | None = None) -> Exception:
    """An error as torch raises it: with CUDA's code as an attribute."""
    error = torch.AcceleratorError(text)
    if code is not None:
        error.error_code = code  # type: ignore[attr-defined]
    return error


BROKEN = [
    accelerator("CUDA error: an illegal memory access was encountered", 700),
    accelerator("CUDA error: device-side assert triggered", 710),
    accelerator("CUDA error: unspecified launch failure", 719),
    accelerator("CUDA error: uncorrectable ECC error encountered", 214),
    accelerator("CUDA error: CUDA-capable device(s) is/are busy or unavailable", 46),
    accelerator("CUDA error: the launch timed out and was terminated", 702),
    accelerator("CUDA error: unknown error", 999),
    accelerator("HIP error: something new"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(...)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("CUDA unknown error - this may be due to an incorrectly set up environment"),
    RuntimeError("No CUDA GPUs are available"),
    RuntimeError("The NVIDIA driver on your system is too old (found version 11040)."),
]
SHORT = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    accelerator("CUDA error: out of memory", 2),
    accelerator("CUDA error: something with the code of it", 2),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("GET was unable to find an engine to execute this computation"),
]
NEITHER = [
    RuntimeError("shape mismatch"),
    accelerator("CUDA error: invalid argument", 1),
    RuntimeError("cuDNN error: CUDNN_STATUS_BAD_PARAM"),
    ValueError("CUDA error: not an error of torch"),
]


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        *((error, "device") for error in BROKEN),
        *((error, "gpu memory") for error in SHORT),
        *((error, None) for error in NEITHER),
        (MemoryError(), "host memory"),
    ],
    ids=repr,
)
def test_each_error_is_classified(error: Exception, fault: TorchFault | None) -> None:
    assert classify_torch_error(error) == fault
    assert is_out_of_memory(error) == (fault is not None and "memory" in fault)
    assert (describe_torch_error(error) is None) == (fault is None)


def test_torchs_error_for_the_hosts_memory_is_recognized() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    assert classify_torch_error(caught.value) == "host memory"


def test_a_fault_is_described_in_one_line_with_its_meaning() -> None:
    error = accelerator("CUDA error: uncorrectable ECC error encountered\nSearch for more", 214)
    assert describe_torch_error(error) == (
        "The GPU failed: its memory is damaged (CUDA error: uncorrectable ECC error encountered)"
    )
    assert describe_torch_error(accelerator("CUDA error: unknown error")) == (
        "The GPU failed (CUDA error: unknown error)"
    )


def test_torch_is_not_imported_for_it() -> None:
    program = (
        "import sys; from heygem_daemon.device.torch_errors import classify_torch_error;"
        " assert classify_torch_error(RuntimeError('CUDA error:')) is None;"
        " assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
