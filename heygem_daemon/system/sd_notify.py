"""Notifications to systemd (sd_notify(3)): datagrams to the socket that systemd names."""

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress


class Notifier:
    """Sends the daemon's state to systemd. Does nothing if systemd did not start the daemon."""

    def __init__(self, address: str | None = None) -> None:
        """``address`` is the path of a socket, or an abstract name with a leading @; None: send
        nothing."""
        self._address = address

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> "Notifier":
        """Return a notifier for the socket that ``environment`` names.

        Systemd's variables are removed from ``environment``, so that child processes cannot send
        notifications as the daemon.
        """
        for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
            environment.pop(name, None)
        return cls(environment.pop("NOTIFY_SOCKET", None))

    def ready(self) -> None:
        """Report that the daemon has started: the settings are read, the folders exist, and earlier
        jobs are in the queue again."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Report that the daemon has begun to read its settings again; ``ready`` reports the end.
        The time of the message, of CLOCK_MONOTONIC in µs, is part of it (sd_notify(3))."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        """Set the line that ``systemctl status`` shows."""
        self._send("STATUS=" + text.replace("\n", " "))

    def watchdog(self) -> None:
        """Reset the watchdog timer."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Report that the daemon has begun to stop."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A leading @ stands for the NUL byte of Linux's abstract socket names.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        # By convention, the sender ignores a notification that cannot be delivered.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto(message.encode("utf-8", "replace"), address)
