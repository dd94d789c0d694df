"""The exceptions of the package. The class of an error decides what happens to the job.

* HeygemError
  * BadInput             the user's files or options: the job goes to ``failed/`` with the reason
    * TooLarge             a file is longer or larger than the limits of the settings allow
    * NoDecoder            nothing that is installed here can decode a file's format
  * EnvironmentFault     disk, share, GPU, weights: the job goes back to the queue, with backoff
    * SpoolUnavailable     the spool is not mounted, not writable, or full
    * SpoolBusy            another daemon owns the spool
    * ClaimFailed          a file of a pair is gone or held by another program: scan again
    * DeviceUnavailable    no device fits now (GPU full, lost, driver mismatch)
    * WeightsUnavailable   a weights file is missing, corrupt or of an unknown shape
  * NameContested        somebody takes each name that a result could get: concerns this job alone
  * FilesWithheld        a user keeps the daemon from his batch's files: concerns this batch alone
  * ConfigurationError   an invalid setting: the process ends with status 2
  * Interrupted          the daemon is stopping: the job is checkpointed and returns to the queue

Any other exception is a bug. It is logged with its traceback, and the attempt counts.
"""


class HeygemError(Exception):
    """Base of every error that this package raises on purpose."""


class BadInput(HeygemError):
    """The user's input cannot be rendered, now or later.

    ``reason`` says what is wrong with which file, ``remedy`` what a person can do about it. Both
    are complete sentences for somebody who has never read this program's log. ``remedy`` may be
    empty.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class TooLarge(BadInput):
    """A file is longer, larger or takes more memory than the settings allow."""


class NoDecoder(BadInput):
    """A file's format has no decoder in this installation: however complete the file is."""


class EnvironmentFault(HeygemError):
    """Something that the job needs is not available now. The job itself may be fine."""


class SpoolUnavailable(EnvironmentFault):
    """The spool is not mounted, not writable, or its disk is full."""


class SpoolBusy(EnvironmentFault):
    """Another daemon owns the spool."""


class ClaimFailed(EnvironmentFault):
    """A pair or folder could not be claimed now. Its files are still in the inbox, or gone."""


class DeviceUnavailable(EnvironmentFault):
    """No device can run the job now."""


class WeightsUnavailable(EnvironmentFault):
    """A weights file is missing, corrupt, or of an unknown shape."""


class NameContested(HeygemError):
    """Somebody takes each name that files or a folder could get, as soon as it is chosen."""


class FilesWithheld(HeygemError):
    """A user has taken the permissions for the files of his own batch while it was claimed."""


class ConfigurationError(HeygemError):
    """A setting is unknown, of the wrong type, or out of range."""


class Interrupted(HeygemError):
    """The work stopped on request. Finished chunks are checkpointed on disk."""
