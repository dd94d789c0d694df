"""The daemon's ends of the two ways to the process that delivers.

Where the unit for it is enabled, systemd starts the process at the other end of a local socket,
with the network that the daemon lacks. Elsewhere it is a child of the daemon.
"""

import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from heygem_daemon.system.unit import own_unit_name

UNIT_SOCKET = Path("/run/heygem-daemon-notify.sock")
"""ListenStream= of heygem-daemon-notify.socket."""


class Link(Protocol):
    """A process that delivers, and the lines to and from it."""

    answers: BinaryIO
    """What it says. The end of it is the end of the process."""

    def is_alive(self) -> bool:
        """Return whether the process has not ended."""

    def send(self, line: bytes) -> None:
        """Send a line. Raises OSError where the process has ended."""

    def send_end(self) -> None:
        """Say that no more lines come: it ends after what it has in hand."""

    def end(self) -> None:
        """End it at once, also while another thread sends."""


class ChildLink:
    """A process that the calling thread starts, and with which the kernel ends it."""

    def __init__(self, command: Sequence[str]) -> None:
        """Raises OSError."""
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._lines = self._process.stdin
        self.answers: BinaryIO = self._process.stdout  # type: ignore[assignment]

    def is_alive(self) -> bool:
        """Return whether the process has not ended."""
        return self._process.poll() is None

    def send(self, line: bytes) -> None:
        """Send a line. Raises OSError where the process has ended."""
        self._lines.write(line)
        self._lines.flush()

    def send_end(self) -> None:
        """Say that no more lines come."""
        with suppress(BrokenPipeError):
            self._lines.close()

    def end(self) -> None:
        """Kill it, and close the pipe to it."""
        self._process.kill()
        self._process.wait()
        self.send_end()


class UnitLink:
    """A process that systemd starts for each connection to a local socket."""

    def __init__(self, address: Path) -> None:
        """Raises OSError."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(str(address))
        except OSError:
            self._socket.close()
            raise
        self.answers: BinaryIO = self._socket.makefile("rb")

    def is_alive(self) -> bool:
        """Return whether the process has not ended."""
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def send(self, line: bytes) -> None:
        """Send a line. Raises OSError where the process has ended."""
        self._socket.sendall(line)

    def send_end(self) -> None:
        """Say that no more lines come."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        """Close the connection, which ends the process."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def unit_address(environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the socket of the unit that delivers; None: systemd has not started this process, so
    it is not the unit's daemon."""
    name = own_unit_name() if environment is None else own_unit_name(environment=environment)
    return UNIT_SOCKET if name is not None else None


def open_link(command: Sequence[str], address: Path | None) -> Link:
    """Connect to the unit that delivers, or start a child where there is none. Raises OSError."""
    if address is not None:
        with suppress(FileNotFoundError, ConnectionRefusedError, PermissionError):
            return UnitLink(address)
    return ChildLink(command)
