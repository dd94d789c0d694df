"""Serves the metrics over HTTP on the loopback, for a Prometheus without node_exporter."""

from collections.abc import Callable
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

    def __init__(self) -> None:
        self._status: Status | None = None
        self._server: _Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port that it listens on; 0: none."""
        return self._server.server_port if self._server else 0

    def publish(self, status: Status) -> None:
        """Answer with this status from now on."""
        self._status = status

    def listen(self, port: int) -> None:
        """Listen on another port; 0: on none. Raises OSError where it is not free."""
        if port == self._port:
            return
        self.close()
        if port:
            server = _Server((ADDRESS, port), _Handler)
            server.set_app(_application(lambda: self._status))
            self._server, self._port = server, port
            Thread(target=server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._server, self._port = None, 0
