"""Serves the metrics over HTTP on the loopback, for a Prometheus without node_exporter."""

import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from socketserver import BaseServer, ThreadingMixIn
from threading import BoundedSemaphore, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from heygem_daemon.report.status import Status

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

ADDRESS = "127.0.0.1"
CLIENT_SECONDS = 5.0
"""How long a request and its answer may take in all, however often the client sends something."""

MAX_CLIENTS = 8
"""How many clients are answered at the same time on one socket. Another one ends the oldest."""


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base names it
        """Write nothing: what clients do is no concern of the log."""


class _Clients:
    """The clients that are being answered, each in a thread of its own."""

    def __init__(self) -> None:
        self._deadlines: dict[socket.socket, float] = {}
        """Monotonic times, the oldest client first."""
        self._places = BoundedSemaphore(MAX_CLIENTS)
        self._lock = Lock()
        """While it is held no socket is closed: its number would be another file's."""

    def add(self, client: socket.socket) -> None:
        """Add a client. Where there is no place the oldest is ended."""
        if not self._places.acquire(blocking=False):
            with self._lock:
                for oldest in list(self._deadlines)[:1]:
                    _end(oldest)
            self._places.acquire()  # the thread of the oldest is awake, and leaves
        with self._lock:
            self._deadlines[client] = monotonic() + CLIENT_SECONDS

    def remove(self, client: socket.socket) -> None:
        """Forget a client, before its socket is closed."""
        with self._lock:
            is_known = self._deadlines.pop(client, None) is not None
        if is_known:
            self._places.release()

    def end_late(self) -> None:
        """End the clients whose time is over."""
        now = monotonic()
        self._end_where(lambda deadline: deadline < now)

    def end_all(self) -> None:
        """End all clients, without waiting for their threads."""
        self._end_where(lambda _: True)

    def _end_where(self, is_over: Callable[[float], bool]) -> None:
        with self._lock:
            for client, deadline in self._deadlines.items():
                if is_over(deadline):
                    _end(client)


def _end(client: socket.socket) -> None:
    """Wake whoever reads from or writes to this client: there is no more to read or write."""
    with suppress(OSError):  # it has gone
        client.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingMixIn, WSGIServer):
    """Answers on a socket that listens. It is closed with the server."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listening: socket.socket, *, is_shared: bool = False) -> None:
        """``is_shared``: another process has the socket, too, and goes on listening."""
        # What is between the two in the order of classes would open a socket.
        name, port = listening.getsockname()[:2]
        BaseServer.__init__(self, (name, port), _Handler)
        self.socket = listening
        self.server_name, self.server_port = name, port
        self.setup_environ()
        self._is_shared = is_shared
        self._is_stopped = False
        self._clients = _Clients()

    def stop(self) -> None:
        """Take no more clients, and end those that are there. Waits for none of them."""
        self._is_stopped = True
        if not self._is_shared:
            _end(self.socket)  # the port is free, and the thread that listens wakes
        self._clients.end_all()
        Thread(target=self._finish, name="metrics", daemon=True).start()

    def process_request(self, request: object, client_address: object) -> None:
        """Answer a client in a thread of its own."""
        assert isinstance(request, socket.socket)
        self._clients.add(request)
        if self._is_stopped:  # it came while ``stop`` was at work
            self._clients.end_all()
        super().process_request(request, client_address)

    def shutdown_request(self, request: object) -> None:
        """Close a client that was answered."""
        assert isinstance(request, socket.socket)
        self._clients.remove(request)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End late clients. Called twice a second, and after each new client."""
        self._clients.end_late()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that went away or sent nonsense."""

    def _finish(self) -> None:
        self.shutdown()
        self.server_close()


def _open(port: int) -> socket.socket:
    """Return a socket that listens on a port of the loopback. Raises OSError if that is taken."""
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((ADDRESS, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


def _application(latest: Callable[[], Status | None]) -> "WSGIApplication":
    """Return what answers a request with the metrics of the latest status."""
    # Loaded here, since most daemons write the metrics to their file alone.
    from prometheus_client import CollectorRegistry, make_wsgi_app  # noqa: PLC0415

    from heygem_daemon.report.metrics import StatusCollector  # noqa: PLC0415

    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(latest))
    return make_wsgi_app(registry)


class MetricsServer:
    """Answers with the metrics of the last status that was published. A daemon that hangs is known
    by their ``written_time_seconds``."""

    def __init__(self, handed: Iterable[socket.socket] = ()) -> None:
        """``handed``: sockets that listen; it answers on copies of them until it is closed."""
        self._status: Status | None = None
        self._handed = [_Server(each.dup(), is_shared=True) for each in handed]
        self._server: _Server | None = None
        self._running: list[_Server] = []

    @property
    def port(self) -> int:
        """The port that it has opened itself; 0: none."""
        return self._server.server_port if self._server else 0

    def publish(self, status: Status) -> None:
        """Answer with this status from now on."""
        self._status = status

    def listen(self, port: int) -> None:
        """Answer on the sockets that were handed over, and open another port, unless it is one of
        theirs; 0: none. Waits for no client. Raises OSError where it is not free."""
        for handed in self._handed:
            if handed not in self._running:
                self._start(handed)
        if port in (handed.server_port for handed in self._handed):
            port = 0
        if port == self.port:
            return
        if self._server is not None:
            self._stop(self._server)
            self._server = None
        if port:
            self._server = _Server(_open(port))
            self._start(self._server)

    def close(self) -> None:
        """Stop listening. Waits for no client."""
        for handed in self._handed:
            if handed not in self._running:
                handed.server_close()
        for server in tuple(self._running):
            self._stop(server)
        self._server = None

    def _start(self, server: _Server) -> None:
        server.set_app(_application(lambda: self._status))
        self._running.append(server)
        Thread(target=server.serve_forever, name="metrics", daemon=True).start()

    def _stop(self, server: _Server) -> None:
        self._running.remove(server)
        server.stop()
