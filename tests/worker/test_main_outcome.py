"""Which exception becomes which answer."""

import errno

import av
import pytest
import torch

from heygem_daemon.errors import (
    BadInput,
    DeviceUnavailable,
    Interrupted,
    SpoolUnavailable,
    WeightsUnavailable,
)
from heygem_daemon.protocol import Crashed, Deferred, Halted, Refused
from heygem_daemon.worker.main import environment_reason, failure_message, one_line


def test_bad_input_is_refused_with_its_remedy() -> None:
    error = BadInput("There is no face in the video.", "Choose one with a face.")
    assert failure_message("j", error) == Refused(
        job_id="j", reason="There is no face in the video.", remedy="Choose one with a face."
    )


def test_an_interruption_is_no_failure() -> None:
    assert failure_message("j", Interrupted("stopping")) == Halted(job_id="j")


@pytest.mark.parametrize(
    "error",
    [
        SpoolUnavailable("the disk is full"),
        DeviceUnavailable("the GPU is full"),
        WeightsUnavailable("no weights"),
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        torch.AcceleratorError("CUDA error: unspecified launch failure"),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ESTALE, "Stale file handle"),
        av.error.OSError(errno.ENOSPC, "No space left on device"),
    ],
    ids=repr,
)
def test_a_fault_of_the_environment_defers_the_job_with_a_reason(error: Exception) -> None:
    answer = failure_message("j", error)
    assert isinstance(answer, Deferred)
    assert len(answer.reason) > 5


@pytest.mark.parametrize(
    "error",
    [
        ValueError("odd"),
        RuntimeError("shape mismatch"),
        FileNotFoundError(errno.ENOENT, "No such file"),
        OSError("without a number"),
    ],
    ids=repr,
)
def test_anything_else_is_a_bug_with_its_traceback(error: Exception) -> None:
    def job() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        job()
    answer = failure_message("j", caught.value)
    assert isinstance(answer, Crashed)
    assert answer.error == one_line(error)
    assert "in job" in answer.traceback
    assert environment_reason(error) is None


def test_an_exception_is_described_in_one_line() -> None:
    assert one_line(ValueError("first\nsecond")) == "ValueError: first"
    assert one_line(MemoryError()) == "MemoryError"
