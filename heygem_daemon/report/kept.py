"""Whether the daemon still has the files of what has ended. Pure."""

from collections.abc import Callable

from heygem_daemon.report.finished import FinishedBatch, FinishedJob

IsThere = Callable[[str], bool]
"""Whether a path below the spool's root still exists."""


def is_kept(ended: FinishedJob | FinishedBatch, is_there: IsThere) -> bool:
    """Return whether what has ended was neither deleted nor taken back. Its folder may stay with
    what people have put there."""
    return not ended.records or any(map(is_there, ended.records))
