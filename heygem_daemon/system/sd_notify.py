"""Messages to the service manager (sd_notify(3)): a datagram to the socket that systemd names."""

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress


class Notifier:
    """Tells systemd how the daemon is; says nothing where systemd did not start it."""

    def __init__(self, address: str | None = None) -> None:
        self._address = address

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> "Notifier":
        """Take systemd's variables out of ``environment``, so that child processes cannot speak
        in the daemon's name."""
        for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
            environment.pop(name, None)
        return cls(environment.pop("NOTIFY_SOCKET", None))

    def ready(self) -> None:
        """The start is over: settings read, folders there, earlier jobs back in the queue."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send("STATUS=" + text.replace("\n", " "))

    def watchdog(self) -> None:
        """A sign of life."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The daemon has begun to stop."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A leading @ stands for the NUL byte of Linux' abstract socket names.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        # By convention a notification that does not arrive is no error of the sender.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto(message.encode("utf-8", "replace"), address)
