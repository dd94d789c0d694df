"""The metrics over HTTP."""

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from heygem_daemon.report import metrics_server
from heygem_daemon.report.metrics_server import MetricsServer
from tests.report.test_metrics import STATUS, samples


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    made = MetricsServer()
    yield made
    made.close()


def read(port: int, address: str = "127.0.0.1") -> str:
    with urllib.request.urlopen(f"http://{address}:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def test_the_last_status_is_answered(server: MetricsServer) -> None:
    server.listen(free_port())
    assert read(server.port) == ""
    server.publish(STATUS)
    assert samples(read(server.port))["heygem_frames_total"] == 275
    server.publish(STATUS.model_copy(update={"state": "stopped"}))
    assert samples(read(server.port))['heygem_state{state="stopped"}'] == 1


def test_another_port_takes_the_place_of_the_one_before(server: MetricsServer) -> None:
    first, second = free_port(), free_port()
    server.listen(first)
    server.listen(second)
    read(second)
    with pytest.raises(urllib.error.URLError):
        read(first)
    server.listen(0)
    assert server.port == 0
    with pytest.raises(urllib.error.URLError):
        read(second)


def test_a_socket_that_was_handed_over_is_answered_whatever_port_is_set() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        handed, other = listening.getsockname()[1], free_port()
        server = MetricsServer([listening])
        server.publish(STATUS)
        for port, opened in ((0, 0), (handed, 0), (other, other), (handed, 0)):
            server.listen(port)
            assert server.port == opened
            assert samples(read(handed))["heygem_frames_total"] == 275
        server.close()


def test_a_server_that_never_listened_closes_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        MetricsServer([listening]).close()


def test_only_the_loopback_is_served(server: MetricsServer) -> None:
    server.listen(free_port())
    assert server._server is not None
    assert server._server.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_told(server: MetricsServer) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(OSError, match="in use"):
            server.listen(other.getsockname()[1])
    server.listen(0)


def test_silent_and_malformed_clients_neither_stop_it_nor_start_threads(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metrics_server._Handler, "timeout", 0.2)
    server.listen(free_port())
    server.publish(STATUS)
    before = threading.active_count()
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
    for nonsense in (b"\0\xff\r\n\r\n", b"GET " + b"a" * 70_000, b"GET / HTTP/9.9\r\n\r\n"):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(nonsense)
        client.close()
    assert "heygem_frames_total" in read(server.port)
    assert threading.active_count() == before
    for client in silent:
        client.close()
    assert capfd.readouterr().err == ""
