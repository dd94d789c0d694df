"""Sockets that systemd hands over."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heygem_daemon.system.listen_fds import VARIABLES, take_listening

NAME = "metrics"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def handed(*sockets: socket.socket, names: str = NAME) -> dict[str, str]:
    """An environment that hands over copies of ``sockets``, from descriptor 200 on."""
    for number, each in enumerate(sockets):
        os.dup2(each.fileno(), 200 + number)
    return {
        "LISTEN_PID": str(os.getpid()),
        "LISTEN_FDS": str(len(sockets)),
        "LISTEN_FDNAMES": names,
        "LANG": "C",
    }


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_the_socket_of_that_name_is_taken_and_no_child_inherits_it(
    listening: socket.socket,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as second:
        environment = handed(listening, second, names=f"other:{NAME}")
        (found,) = take_listening(NAME, environment, 200)
        with found:
            assert found.getsockname() == second.getsockname()
            assert not os.get_inheritable(found.fileno())
    assert environment == {"LANG": "C"}
    assert not is_open(200)


def test_what_does_not_listen_is_no_listening_socket(listening: socket.socket) -> None:
    with Path(os.devnull).open("rb") as file:
        os.dup2(file.fileno(), 200)
        variables = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": NAME}
        assert take_listening(NAME, variables, 200) == ()
        assert not is_open(200)
    with socket.create_connection(listening.getsockname()) as connected:
        assert take_listening(NAME, handed(connected), 200) == ()
    with socket.socket(socket.AF_UNIX) as local:
        local.bind("\0heygem-test-" + str(os.getpid()))
        local.listen()
        assert take_listening(NAME, handed(local), 200) == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"LISTEN_PID": "1"},  # meant for a program that started this one
        {"LISTEN_PID": ""},
        {"LISTEN_FDS": "many"},
        {"LISTEN_FDS": "-1"},
        {"LISTEN_FDNAMES": ""},
        {"LISTEN_FDNAMES": "unknown"},
    ],
)
def test_nothing_is_taken_that_is_meant_for_others(
    listening: socket.socket, changed: dict[str, str]
) -> None:
    environment = handed(listening) | changed
    try:
        assert take_listening(NAME, environment, 200) == ()
    finally:
        if is_open(200):
            os.close(200)
    assert not set(VARIABLES) & set(environment)


def test_without_systemd_there_is_nothing() -> None:
    assert take_listening(NAME, {}) == ()


SERVE = """
import os, signal
from heygem_daemon.report.metrics_server import MetricsServer
from heygem_daemon.system import landlock
from heygem_daemon.system.listen_fds import take_listening
from heygem_daemon.system.syscall_filter import deny_system_calls
sockets = take_listening("metrics")
print(sorted(name for name in os.environ if name.startswith("LISTEN_")), flush=True)
landlock.forbid_new_privileges()
deny_system_calls()
server = MetricsServer(sockets)
server.listen(0)
signal.pause()
"""


def test_a_process_that_may_open_no_socket_answers_on_one_that_it_was_handed(
    listening: socket.socket,
) -> None:
    """As the daemon in its unit, where RestrictAddressFamilies= filters socket(2)."""
    listening.setblocking(False)  # as systemd opens it
    script = 'export LISTEN_PID=$$; exec "$0" -c "$1" 3<&0 0</dev/null'
    with subprocess.Popen(
        ["sh", "-c", script, sys.executable, SERVE],
        stdin=listening.fileno(),
        stdout=subprocess.PIPE,
        env=os.environ | {"LISTEN_FDS": "1", "LISTEN_FDNAMES": NAME},
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"[]\n"
            with socket.create_connection(listening.getsockname(), timeout=60) as client:
                client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                with client.makefile("rb") as answer:
                    assert answer.readline().startswith(b"HTTP/1.0 200")
        finally:
            process.kill()
