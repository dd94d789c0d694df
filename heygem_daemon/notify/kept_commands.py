"""The results whose command has not ended yet, kept in ``.state/commands.json`` while there are
any, so that a stop or a death of the daemon loses none.

A file that cannot be read, or not written, costs no more than what is in it.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from pydantic import BaseModel, ConfigDict, RootModel

from heygem_daemon.events.notify import CommandsNotKept, CommandsUnreadable
from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import TextLimits, UnreadableText, parse_model, read_text

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

    @classmethod
    def of(cls, result: Path, job_id: str) -> "KeptCommand":
        """Return what stands for the command of a job's result."""
        return cls(result=quote(os.fsencode(result)), job_id=job_id)

    @property
    def path(self) -> Path:
        """The path of the result."""
        return Path(os.fsdecode(unquote_to_bytes(self.result)))


class _Content(RootModel[tuple[KeptCommand, ...]]):
    """The content of the file, in the order of the jobs."""


class KeptCommands:
    """The file. Used by one thread, which may wait: it may lie on a share that hangs."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._written: tuple[KeptCommand, ...] | None = None
        self._problem = ""
        """Why nothing could be written, as it was last logged."""

    def load(self) -> tuple[KeptCommand, ...]:
        """Return what an earlier run has left."""
        try:
            return parse_model(_Content, read_text(self._file, LIMITS), LIMITS).root
        except FileNotFoundError:
            return ()
        except (UnreadableText, OSError) as error:
            CommandsUnreadable(str(self._file), UNREADABLE, str(error)).log()
            with suppress(OSError):
                paths.replace(self._file, self._file.with_name(UNREADABLE))
            return ()

    def save(self, waiting: Iterable[KeptCommand]) -> bool:
        """Write what waits, if that has changed; return whether it is kept. A failure is logged
        once for each reason."""
        given = tuple(waiting)
        if given == self._written:
            return True
        try:
            _write(self._file, given)
        except OSError as error:
            problem = error.strerror or str(error)
            if problem != self._problem:
                CommandsNotKept(problem).log()
            self._problem = problem
            return False
        self._written, self._problem = given, ""
        return True


def _write(file: Path, waiting: tuple[KeptCommand, ...]) -> None:
    """Raises OSError."""
    if not waiting:
        with suppress(FileNotFoundError):
            paths.remove_file(file)
        return
    text = _Content(waiting).model_dump_json(indent=1).encode() + b"\n"
    paths.write(file, text, temporary_name=f".{file.name}.part", durable=True, mode=0o600)
