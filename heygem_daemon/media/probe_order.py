"""What the media probe is asked, and what it gives up before it opens a file. Loads no decoder."""

from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.system.confinement import Permissions, confine_process, forbid_writing
from heygem_daemon.system.memory_limit import limit_data
from heygem_daemon.system.units import GIB

MEMORY_BYTES = 4 * GIB
"""Main memory that the program may take for a file."""

USAGE = "[--limits JSON] [--confine] FILE audio|video\n"


@dataclass(frozen=True, slots=True)
class ProbeOrder:
    """The file to examine."""

    path: Path

    kind: str
    """'audio' or 'video', as its name says."""

    limits: str = ""
    """The JSON of ``MediaLimits``; empty: there are none."""

    confine: bool = False
    """Whether the process gives up everything but the file."""

    @classmethod
    def parse(cls, arguments: list[str]) -> "ProbeOrder | None":
        """Return the order in a command line; None for a wrong one."""
        limits = ""
        if len(arguments) > 1 and arguments[0] == "--limits":
            limits, arguments = arguments[1], arguments[2:]
        confine = arguments[:1] == ["--confine"]
        arguments = arguments[confine:]
        if len(arguments) != 2 or arguments[1] not in ("audio", "video"):
            return None
        return cls(Path(arguments[0]), arguments[1], limits, confine)

    def prepare(self) -> None:
        """Limit this process's memory and confine it, before it opens the file."""
        if self.limits:
            limit_data(MEMORY_BYTES)
        if self.confine:
            confine_process(Permissions(files=(self.path,)))
            forbid_writing()
