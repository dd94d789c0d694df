"""Exit statuses, the same for every command."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What a script may act on."""

    DONE = 0
    FAILED = 1
    """A job failed, a check failed, or what was named is not there."""
    USAGE = 2
    """A setting or the command line is wrong: trying again changes nothing."""
    UNAVAILABLE = 3
    """Spool, disk or device are missing for now: trying again later may do."""
    BUG = 70
