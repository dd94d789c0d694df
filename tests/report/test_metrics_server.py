"""The metrics over HTTP."""

import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from heygem_daemon.cli.monitoring import Monitoring
from heygem_daemon.config.settings import Settings
from heygem_daemon.report import metrics_server
from heygem_daemon.report.metrics_server import MAX_CLIENTS, MetricsServer
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


def test_silent_and_malformed_clients_neither_stop_it_nor_keep_threads(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metrics_server, "CLIENT_SECONDS", 600.0)
    server.listen(free_port())
    server.publish(STATUS)
    before = threading.active_count()
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
    for nonsense in (b"\0\xff\r\n\r\n", b"GET " + b"a" * 70_000, b"GET / HTTP/9.9\r\n\r\n"):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(nonsense)
        client.close()
    assert "heygem_frames_total" in read(server.port)
    for client in silent:
        client.close()
    wait_until(lambda: threading.active_count() <= before)
    assert capfd.readouterr().err == ""


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def dripping(port: int) -> Iterator[threading.Event]:
    """Send a request that never ends, byte by byte; yield what is set when it is cut off."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /metrics HTTP/1.0\r\nX: ")
        cut, is_over = threading.Event(), threading.Event()

        def drip() -> None:
            while not is_over.wait(0.05):
                try:
                    client.sendall(b"x")
                except OSError:
                    cut.set()
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield cut
        finally:
            is_over.set()
            thread.join()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients take long: what is tested waits for none of them."""
    monkeypatch.setattr(metrics_server, "CLIENT_SECONDS", 600.0)


@pytest.mark.usefixtures("patient")
def test_a_client_that_drips_holds_up_no_other(server: MetricsServer) -> None:
    server.listen(free_port())
    server.publish(STATUS)
    with dripping(server.port) as cut:
        assert "heygem_frames_total" in read(server.port)
        assert not cut.is_set()


def test_a_request_has_a_deadline_however_often_a_byte_comes(
    server: MetricsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server, "CLIENT_SECONDS", 0.3)
    server.listen(free_port())
    with dripping(server.port) as cut:
        assert cut.wait(60)


@pytest.mark.usefixtures("patient")
def test_the_oldest_of_too_many_clients_makes_room(server: MetricsServer) -> None:
    server.listen(free_port())
    server.publish(STATUS)
    before = threading.active_count()
    with ExitStack() as stack:
        many = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
            for _ in range(3 * MAX_CLIENTS)
        ]
        assert "heygem_frames_total" in read(server.port)
        assert threading.active_count() <= before + MAX_CLIENTS
        assert many[0].recv(1) == b"", "the oldest is closed"
        many[-1].sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert many[-1].recv(4) == b"HTTP", "the latest is not"


@pytest.mark.usefixtures("patient")
def test_new_settings_and_the_end_wait_for_no_client() -> None:
    first, second = free_port(), free_port()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monitoring = Monitoring(Settings(metrics_port=first), [listening])
        monitoring.listen()
        with dripping(first) as cut, dripping(listening.getsockname()[1]) as cut_handed:
            for port in (second, first, second):
                monitoring.follow(Settings(metrics_port=port))
                read(port)
            assert cut.wait(60)
            assert not cut_handed.is_set()
            monitoring.close()
            assert cut_handed.wait(60)
        listening.settimeout(60)
        with socket.create_connection(listening.getsockname()):
            listening.accept()[0].close()  # systemd goes on listening


def test_the_process_ends_while_a_client_drips() -> None:
    program = """
import sys
from heygem_daemon.report import metrics_server
metrics_server.CLIENT_SECONDS = 600.0
server = metrics_server.MetricsServer()
server.listen(int(sys.argv[1]))
print("listens", flush=True)
sys.stdin.read()
server.close()
"""
    port = free_port()
    command = (sys.executable, "-c", program, str(port))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == b"listens\n"
        with dripping(port):
            read(port)
            process.stdin.close()
            assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
