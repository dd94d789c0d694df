"""The results whose command has not ended yet, kept in ``.state/commands.json`` while there are
any, so that a stop or a death of the daemon loses none."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from pydantic import BaseModel, ConfigDict, RootModel

from heygem_daemon.config.command import report_of
from heygem_daemon.events.notify import CommandsNotKept, CommandsUnreadable
from heygem_daemon.notify.kept_file import KeptFile
from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import TextLimits

FILE = "commands.json"
"""Its name in .state/."""

UNREADABLE = "commands.unreadable.json"
"""The name that one gets which cannot be read."""

LIMITS = TextLimits(16 << 20)
"""Of the file: a thousand paths, whatever is in them."""


class KeptCommand(BaseModel):
    """A result whose command is to run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    result: str
    """Path of the result, with every byte that is not ASCII as %XX: paths may be no text."""

    job_id: str

    identity: tuple[int, int, int] | None = None
    """Size, inode and mtime in nanoseconds of the result as it was published; None: an earlier
    version has kept it."""

    @classmethod
    def of(
        cls, result: Path, job_id: str, identity: tuple[int, int, int] | None = None
    ) -> "KeptCommand":
        """Return what stands for the command of a job's result."""
        return cls(result=quote(os.fsencode(result)), job_id=job_id, identity=identity)

    @property
    def path(self) -> Path:
        """The path of the result."""
        return Path(os.fsdecode(unquote_to_bytes(self.result)))

    def problem(self) -> str:
        """Return why the command must not run; empty: it may. Users can write to the outbox, so
        that anything may have the name of the result, or of its folder."""
        try:
            status = paths.lstat(self.path)
        except OSError:
            return "its result is gone"
        found = status.st_size, status.st_ino, status.st_mtime_ns
        if not stat.S_ISREG(status.st_mode) or self.identity not in (None, found):
            return "somebody has changed or replaced its result"
        if paths.file_type(report_of(self.path)) not in {0, stat.S_IFREG}:
            return "somebody has replaced its report"
        return ""


class _Content(RootModel[tuple[KeptCommand, ...]]):
    """The content of the file, in the order of the jobs."""


class KeptCommands:
    """The file. Used by one thread, which may wait: it may lie on a share that hangs."""

    def __init__(self, folder: Path) -> None:
        file = folder / FILE
        self._file = KeptFile(
            file,
            UNREADABLE,
            lambda reason: CommandsUnreadable(str(file), UNREADABLE, reason).log(),
            lambda reason: CommandsNotKept(reason).log(),
        )
        self._written: tuple[KeptCommand, ...] | None = None

    def load(self) -> tuple[KeptCommand, ...]:
        """Return what an earlier run has left."""
        return self._file.read(_Content, LIMITS)

    def save(self, waiting: Iterable[KeptCommand]) -> bool:
        """Write what waits, if that has changed; return whether it is kept. A failure is logged
        once for each reason."""
        given = tuple(waiting)
        if given != self._written:
            text = _Content(given).model_dump_json(indent=1).encode() + b"\n"
            if not self._file.write(text if given else b""):
                return False
            self._written = given
        return True
