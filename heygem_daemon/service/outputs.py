"""Checks the files that a worker says it has made for a job.

A worker decodes hostile files, and may have been taken over by one. What it names is therefore
accepted only if it is a file of the job's own workspace: nothing else may reach the outbox.
"""

import stat
from pathlib import Path

from heygem_daemon.protocol import Rendered
from heygem_daemon.spool.job import Job
from heygem_daemon.system import paths


class ForeignOutput(Exception):
    """A worker named a file that is not one of its job's own."""


def check_outputs(job: Job, rendered: Rendered) -> tuple[Path, Path, Path | None]:
    """Return the paths of result, report and strip.

    A file that is gone is accepted: a publication that was interrupted has moved it. Raises
    ForeignOutput where a path leads out of the job's workspace, or to what is not a regular file
    with this one name, OSError.
    """
    strip = None if rendered.strip is None else _require_own(job, rendered.strip)
    return _require_own(job, rendered.result), _require_own(job, rendered.report), strip


def _require_own(job: Job, name: str) -> Path:
    path = job.workspace / Path(name).name
    if name != str(path):
        raise ForeignOutput("the worker named a file outside the job's workspace")
    if not paths.exists(path):
        return path
    status = paths.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ForeignOutput(f"{path.name} is not a regular file")
    if status.st_nlink != 1:
        raise ForeignOutput(f"{path.name} is another file under a second name")
    return path
