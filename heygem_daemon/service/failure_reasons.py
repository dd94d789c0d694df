"""What people are told of jobs that failed without a fault in their files."""

from dataclasses import dataclass

from heygem_daemon.counts import counted
from heygem_daemon.spool.job import Job

FAILS_ALONE_REASON = "It did so in every try, while other jobs were rendered."
FAILS_ALONE_REMEDY = (
    "Use a smaller or shorter video, or give the machine more memory, and try again with"
    " the command at the end of reason.txt."
)

CRASH_REMEDY = (
    "If the files play in an ordinary player, this is a fault of the program: see the log for"
    " the job's id and report it. The command at the end of reason.txt tries again."
)

DEATH_REMEDY = (
    "The files may be all right: see the log of the daemon and of the machine for why it ended."
    " The command at the end of reason.txt tries again."
)

CANCELLED_REMEDY = (
    "To render it after all, use the request or the command at the end of reason.txt."
)

PAUSED = "pauses, so that others have their turn; what it had finished is kept"
"""Why a job waits that made room for another one."""


@dataclass(frozen=True, slots=True)
class Canceller:
    """Who has cancelled a job, and how."""

    user: str
    """The user's name."""

    asked: str
    """The file of the request, or the command."""

    @property
    def reason(self) -> str:
        """Why the job failed."""
        return f"cancelled by {self.user} ({self.asked})."


def exhaustion_remedy(job: Job) -> str:
    """Return what a person can do about a job that has had all its attempts."""
    return CRASH_REMEDY if any(_errors(job)) else DEATH_REMEDY


def exhaustion_reason(job: Job) -> str:
    """Return why a job failed that has had all its attempts."""
    errors = _errors(job)
    if not errors:
        count = job.journal.attempts + job.journal.deaths
        times = "once" if count == 1 else f"{count} times"
        return (
            f"The daemon itself ended, or its machine, {times} while the job was rendered, and the"
            " job got no further in between."
        )
    last = errors[-1]
    attempts = counted(job.journal.attempts, "1 attempt", "{count} attempts")
    return f"Rendering crashed in {attempts}, the last time: {last}."


def _errors(job: Job) -> list[str]:
    return [each.text for each in job.journal.troubles if each.kind == "error"]
