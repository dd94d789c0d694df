"""How long a job waits after a fault of the device or machine that it was on. Pure."""

from heygem_daemon.protocol import Deferred
from heygem_daemon.service.queue import backoff_seconds
from heygem_daemon.service.running_jobs import EndedAttempt, is_device_fault

DEVICE_FAULT_EXTRA_SECONDS = 3.0
"""How much longer than the device a job waits after a device fault: the quarantine and the job's
pause are of equal length, and another job is to try the device first."""
LOST_NODE_SECONDS = 3.0
"""How long a job waits after it lost its node again. A loss is known after up to 6 s, and the job
must start elsewhere within 15 s."""
MAX_LOST_NODES = 3
"""A job that lost its node more often than that in a row waits as after other faults: it may be the
cause."""


def pause_after_device_fault(ended: EndedAttempt) -> float | None:
    """Return how many seconds the job of an ended attempt waits. None: its device is not at fault,
    and the job waits as after any other fault."""
    faults, verdict = ended.running.queued.faults, ended.verdict
    if not is_device_fault(verdict):
        return None
    if faults == 0 and ended.has_other_device:
        return 0.0
    if isinstance(verdict, Deferred) and verdict.of_node and faults < MAX_LOST_NODES:
        return LOST_NODE_SECONDS
    return backoff_seconds(faults + 1) + DEVICE_FAULT_EXTRA_SECONDS
