"""Which message an exception becomes, and so what happens to the job."""

import sys
import traceback

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
        of_memory = isinstance(error, MemoryError) or is_gpu_out_of_memory(error)
        return Deferred(job_id=job_id, reason=fault, of_memory=of_memory)
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
    if is_gpu_out_of_memory(error):
        return f"The GPU ran out of memory: {one_line(error)}"
    if isinstance(error, MemoryError):
        return "The worker ran out of memory."
    if isinstance(error, OSError) and error.errno in OF_MEDIA:
        return told(error)
    return None


def is_gpu_out_of_memory(error: Exception) -> bool:
    """Whether torch says so; where torch is not loaded it cannot have said anything."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


def one_line(error: Exception) -> str:
    """Kind and first line of an exception."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
