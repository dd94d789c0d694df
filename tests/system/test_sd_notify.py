"""Notifications to systemd over real sockets."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from heygem_daemon.system.sd_notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """An address in systemd's form, and the socket that is bound to it."""
    name = f"heygem-test-{os.getpid()}"
    address = str(tmp_path / "notify") if request.param == "path" else "@" + name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address if request.param == "path" else "\0" + name)
        listener.settimeout(5)
        yield address, listener


def test_each_message_is_a_datagram(manager: tuple[str, socket.socket]) -> None:
    address, listener = manager
    notifier = Notifier(address)
    notifier.ready()
    notifier.status("2 jobs\nREADY=0")
    notifier.watchdog()
    notifier.stopping()
    received = [listener.recv(1000).decode() for _ in range(4)]
    assert received == ["READY=1", "STATUS=2 jobs READY=0", "WATCHDOG=1", "STOPPING=1"]


def test_systemds_variables_are_hidden_from_children() -> None:
    environment = {
        "NOTIFY_SOCKET": "/run/x",
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    Notifier.from_environment(environment)
    assert environment == {"HOME": "/"}


def test_without_systemd_nothing_is_sent() -> None:
    Notifier.from_environment({}).ready()


def test_a_manager_that_is_gone_is_no_error(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "gone")).ready()
