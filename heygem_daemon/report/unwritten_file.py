"""The part of the status about one file that the daemon cannot write for people."""

from heygem_daemon.report.status_model import StatusModel


class UnwrittenFile(StatusModel):
    """A file for people that the daemon cannot write, since something else is in its place."""

    path: str
    """From the spool's root."""

    why: str
    """A clause."""
