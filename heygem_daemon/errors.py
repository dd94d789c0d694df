"""The exception tree: which branch an error is on decides what happens to the job.

* HeygemError
  * BadInput             the user's files or options: the job goes to ``failed/`` with the reason
  * EnvironmentFault     disk, share, GPU, weights: the job goes back to the queue, with backoff
    * SpoolUnavailable     the spool is not mounted, not writable, or full
    * SpoolBusy            another daemon owns the spool
    * ClaimFailed          a file of a pair is gone or held by another program: scan again
    * DeviceUnavailable    no device fits now (GPU full, lost, driver mismatch)
    * WeightsUnavailable   a weights file is missing, corrupt or of an unknown shape
  * ConfigurationError   a setting that cannot be: the process ends with status 2
  * Interrupted          the daemon is stopping: the job is checkpointed and goes back

Anything else that is raised is a bug: it is logged with its traceback and counts against the
job's attempts.
"""


class HeygemError(Exception):
    """Base of every error that this package raises on purpose."""


class BadInput(HeygemError):
    """The user's input cannot be rendered, now or later.

    ``reason`` says what is wrong with which file; ``remedy`` what a person can do about it.
    Both are complete sentences for someone who has never seen this program's log.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class EnvironmentFault(HeygemError):
    """Something around the job is missing for now; the job itself may be good."""


class SpoolUnavailable(EnvironmentFault):
    """The spool is not mounted, not writable, or its disk is full."""


class SpoolBusy(EnvironmentFault):
    """Another daemon already works on this spool."""


class ClaimFailed(EnvironmentFault):
    """A pair could not be claimed now; both files are in the inbox as before, or gone."""


class DeviceUnavailable(EnvironmentFault):
    """No device can take the job at present."""


class WeightsUnavailable(EnvironmentFault):
    """A weights file is missing, corrupt, or not of a known shape."""


class ConfigurationError(HeygemError):
    """A setting is unknown, of the wrong type, or impossible."""


class Interrupted(HeygemError):
    """Rendering was asked to stop; what is finished is checkpointed on disk."""
