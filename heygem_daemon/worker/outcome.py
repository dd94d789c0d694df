"""Which message an exception becomes, and so what happens to the job."""

import traceback

from heygem_daemon import device_faults
from heygem_daemon.errors import BadInput, EnvironmentFault, Interrupted
from heygem_daemon.faults import OF_MEDIA, told
from heygem_daemon.protocol import Crashed, Deferred, Halted, Refused


def outcome(job_id: str, error: Exception) -> Refused | Deferred | Halted | Crashed:
    """The answer to a Render that raised ``error``."""
    if isinstance(error, BadInput):
        return Refused(job_id=job_id, reason=error.reason, remedy=error.remedy)
    if isinstance(error, Interrupted):
        return Halted(job_id=job_id)
    fault = environment_reason(error)
    if fault is not None:
        return Deferred(
            job_id=job_id,
            reason=fault,
            of_memory=device_faults.is_out_of_memory(error),
            of_device=is_of_device(error),
        )
    return Crashed(
        job_id=job_id,
        error=one_line(error),
        traceback="".join(traceback.format_exception(error)),
    )


def environment_reason(error: Exception) -> str | None:
    """What is missing around the job, as a sentence; None where that is not what ``error``
    says."""
    if isinstance(error, EnvironmentFault):
        return str(error)
    if isinstance(error, OSError) and error.errno in OF_MEDIA:
        return told(error)
    return device_faults.told(error)


def is_of_device(error: Exception) -> bool:
    """Whether the GPU is at fault: this process must not go on, and no other job should start
    there for a while."""
    return device_faults.fault_of(error) == "device"


def one_line(error: Exception) -> str:
    """Kind and first line of an exception."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
