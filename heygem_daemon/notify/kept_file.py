"""A file in ``.state/`` with what waits, there only while something does, so that a stop or a death
of the daemon loses none of it.

One that cannot be read, or not written, costs no more than what is in it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import RootModel

from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import TextLimits, UnreadableText, parse_model, read_text

T = TypeVar("T")


@dataclass(slots=True)
class KeptFile:
    """Reads and writes the file. Used by one thread at a time, which may wait: it may lie on a
    share that hangs."""

    path: Path
    unreadable_name: str
    """The name that one gets which cannot be read."""

    log_unreadable: Callable[[str], None]
    """Logs that, with the reason."""

    log_not_kept: Callable[[str], None]
    """Logs that the file cannot be written, with the reason."""

    problem: str = ""
    """Why nothing could be written the last time; empty: it was."""

    def read(self, content: type[RootModel[tuple[T, ...]]], limits: TextLimits) -> tuple[T, ...]:
        """Return what an earlier run has left; nothing if it cannot be read, which is logged."""
        try:
            return parse_model(content, read_text(self.path, limits), limits).root
        except FileNotFoundError:
            return ()
        except (UnreadableText, OSError) as error:
            self.log_unreadable(str(error))
            with suppress(OSError):
                paths.replace(self.path, self.path.with_name(self.unreadable_name))
            return ()

    def write(self, text: bytes) -> bool:
        """Write the file, or remove it if there is nothing to keep; return whether that could be
        done. A failure is logged once for each reason."""
        try:
            self._put(text)
        except OSError as error:
            problem = error.strerror or str(error)
            if problem != self.problem:
                self.log_not_kept(problem)
            self.problem = problem
            return False
        self.problem = ""
        return True

    def _put(self, text: bytes) -> None:
        """Raises OSError."""
        if text:
            part = f".{self.path.name}.part"
            paths.write(self.path, text, temporary_name=part, durable=True, mode=0o600)
            return
        with suppress(FileNotFoundError):
            paths.remove_file(self.path)
