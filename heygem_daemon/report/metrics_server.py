"""Serves the metrics over HTTP on the loopback, for a Prometheus without node_exporter."""

import socket
from collections.abc import Callable, Iterable
from socketserver import BaseServer
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from heygem_daemon.report.status import Status

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

ADDRESS = "127.0.0.1"
CLIENT_SECONDS = 5.0
"""How long a client may be silent: requests are answered one after the other."""


class _Handler(WSGIRequestHandler):
    timeout = CLIENT_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base names it
        """Write nothing: what clients do is no concern of the log."""


class _Server(WSGIServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that went away or sent nonsense."""


class _HandedServer(_Server):
    """Answers on a socket that another process opened: this one may not be allowed to."""

    def __init__(self, listening: socket.socket) -> None:
        # What is between the two in the order of classes would open a socket.
        name, port = listening.getsockname()[:2]
        BaseServer.__init__(self, (name, port), _Handler)
        self.socket = listening.dup()
        self.server_name, self.server_port = name, port
        self.setup_environ()


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
        self._handed = [_HandedServer(each) for each in handed]
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
        theirs; 0: none. Raises OSError where it is not free."""
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
            self._server = _Server((ADDRESS, port), _Handler)
            self._start(self._server)

    def close(self) -> None:
        """Stop listening."""
        for server in tuple(self._running):
            self._stop(server)
        self._server = None
        for handed in self._handed:
            handed.server_close()

    def _start(self, server: _Server) -> None:
        server.set_app(_application(lambda: self._status))
        self._running.append(server)
        Thread(target=server.serve_forever, name="metrics", daemon=True).start()

    def _stop(self, server: _Server) -> None:
        self._running.remove(server)
        server.shutdown()
        server.server_close()
