"""The ways to the process that delivers: a unit of systemd's, or a child."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from heygem_daemon.notify import courier as module
from heygem_daemon.notify.courier import COMMAND, SILENT, Courier
from heygem_daemon.notify.link import UNIT_SOCKET, unit_address
from heygem_daemon.notify.occasion import Delivery, DeliveryOrder
from tests.notify.conftest import SECRET, occasion, wait_until
from tests.notify.servers import http_server
from tests.notify.test_courier import WriteTargets, hook, log  # noqa: F401 - log is a fixture

UNITS = Path(__file__).parents[2] / "systemd"
NO_CHILD = ("/bin/false",)
PROGRAM = """
import json, sys
order = json.loads(sys.stdin.readline())
for line in sys.stdin:
    occasion = json.loads(line)["occasion"]
    taken = {"id": occasion["id"], "targets": [order["targets"]]}
    done = {"id": occasion["id"], "target": order["targets"], "kind": occasion["kind"]}
    print(json.dumps(taken), flush=True)
    print(json.dumps({**done, "outcome": "delivered"}), flush=True)
"""
STAND_IN = (sys.executable, "-S", "-c", PROGRAM)
"""Delivers everything at once, to a target with the name of the file of targets."""


class Unit:
    """Starts a program for each connection, which is its stdin and stdout, as systemd does."""

    def __init__(self, listening: socket.socket, command: Sequence[str]) -> None:
        self._listening, self._command = listening, command
        self.started: list[subprocess.Popen[bytes]] = []
        self.thread = Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                number = connection.fileno()
                program = subprocess.Popen(self._command, stdin=number, stdout=number)
                self.started.append(program)


@contextmanager
def unit(address: Path, command: Sequence[str] = STAND_IN) -> Iterator[Unit]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        made = Unit(listening, command)
        yield made
        listening.shutdown(socket.SHUT_RDWR)
    made.thread.join()
    for program in made.started:
        program.kill()
        program.wait()


@contextmanager
def courier(
    address: Path, targets: Path = Path("t"), command: Sequence[str] = NO_CHILD
) -> Iterator[tuple[Courier, list[Delivery]]]:
    ended: list[Delivery] = []
    order = DeliveryOrder(targets=str(targets), language="both", confine=True)
    made = Courier(order, address=address, command=command, on_delivery=ended.append)
    yield made, ended
    made.close()


@pytest.fixture
def address(tmp_path: Path) -> Path:
    return tmp_path / "s"


def test_the_unit_delivers_with_the_file_and_the_language_of_the_daemon(
    targets_file: WriteTargets, address: Path, log: list[str]  # noqa: F811
) -> None:  # fmt: skip
    with http_server() as server, unit(address, COMMAND):
        with courier(address, targets=targets_file(hook(server))) as (made, ended):
            made.post(occasion(id="7"))
            wait_until(lambda: ended)
        assert [each.headers["X-Heygem-Delivery"] for each in server.requests] == ["7"]
    assert any("told hook of failed" in line for line in log)
    assert SECRET not in "".join(log)


def test_a_file_that_it_cannot_use_is_told_of(
    targets_file: WriteTargets, address: Path, log: list[str]  # noqa: F811
) -> None:  # fmt: skip
    file = targets_file("")
    file.chmod(0o644)
    with unit(address, COMMAND), courier(address, targets=file) as (made, _):
        made.post(occasion())
        wait_until(lambda: any("chmod 600" in line for line in log))


def test_one_process_delivers_all_and_ends_with_the_daemon(address: Path) -> None:
    with unit(address) as made_unit:
        with courier(address) as (made, ended):
            for number in range(5):
                made.post(occasion(id=str(number)))
        assert [each.target for each in ended] == ["t"] * 5
        (program,) = made_unit.started
        assert program.wait(60) == 0


def test_another_process_follows_one_that_was_killed(
    address: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_SECONDS", 0.1)
    with unit(address) as made_unit, courier(address) as (made, ended):
        for count in (1, 2):
            made.post(occasion(id=str(count)))
            wait_until(lambda count=count: len(ended) == count)  # type: ignore[misc]
            made_unit.started[-1].kill()
            made_unit.started[-1].wait()
    assert len(made_unit.started) == 2


def test_a_process_that_ends_at_once_is_told_of_once(
    address: Path, log: list[str], monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setattr(module, "RESTART_SECONDS", 0.05)
    with unit(address, ("/bin/false",)) as made_unit, courier(address) as (made, _):

        def post() -> bool:
            made.post(occasion())
            return len(made_unit.started) >= 3

        wait_until(post)
        wait_until(lambda: any(SILENT in line for line in log))
    assert sum(SILENT in line for line in log) == 1


def refuse(address: Path) -> None:
    """Leave a socket on which nobody listens."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(address))


@pytest.mark.parametrize("prepare", [lambda _address: None, refuse])
def test_without_the_unit_a_child_delivers(address: Path, prepare: Callable[[Path], None]) -> None:
    prepare(address)
    with courier(address, command=STAND_IN) as (made, ended):
        made.post(occasion())
        wait_until(lambda: ended)


def test_only_a_daemon_of_systemds_asks_its_unit() -> None:
    assert unit_address({}) is None


def test_the_shipped_socket_has_this_address_and_is_closed_to_others() -> None:
    lines = (UNITS / "heygem-daemon-notify.socket").read_text().splitlines()
    assert f"ListenStream={UNIT_SOCKET}" in lines
    assert {"SocketMode=0600", "SocketUser=heygem", "Accept=yes"} <= set(lines)


def test_the_shipped_unit_starts_this_program_with_the_connection() -> None:
    lines = (UNITS / "heygem-daemon-notify@.service").read_text().splitlines()
    program = " ".join(("/opt/heygem-daemon/current/bin/python", *COMMAND[1:]))
    assert f"ExecStart={program}" in lines
    assert {"StandardInput=socket", "StandardOutput=socket"} <= set(lines)
