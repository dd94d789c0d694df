"""Sockets that systemd has opened for the daemon (sd_listen_fds(3))."""

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress
from itertools import chain, repeat

FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START: the descriptors follow on stdin, stdout and stderr."""

VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
_INTERNET = (socket.AF_INET, socket.AF_INET6)


def take_listening(
    name: str,
    environment: MutableMapping[str, str] = os.environ,
    first: int = FIRST_DESCRIPTOR,
) -> tuple[socket.socket, ...]:
    """Return the TCP sockets that listen and that the socket unit calls ``name``
    (FileDescriptorName=), and close all else that was handed over.

    Systemd's variables are removed from ``environment``, and no program that is started later
    inherits a socket. Whether reading one blocks is left as it is: systemd has the same socket.
    """
    pid, count, names = (environment.pop(each, "") for each in VARIABLES)
    if pid != str(os.getpid()) or not count.isdecimal():
        return ()
    found = []
    for descriptor, given in zip(
        range(first, first + int(count)), chain(names.split(":"), repeat("")), strict=False
    ):
        try:
            os.set_inheritable(descriptor, False)
            each = socket.socket(fileno=descriptor)
        except OSError:  # no socket
            with suppress(OSError):
                os.close(descriptor)
            continue
        if given == name and _listens(each):
            found.append(each)
        else:
            each.close()
    return tuple(found)


def _listens(each: socket.socket) -> bool:
    is_tcp = each.family in _INTERNET and each.type == socket.SOCK_STREAM
    return is_tcp and bool(each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
