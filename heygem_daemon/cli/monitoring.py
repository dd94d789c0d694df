"""What tells others of the daemon: metrics over HTTP, notifications, the command after a job."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from heygem_daemon.config.settings import Settings
from heygem_daemon.events.daemon import MetricsUnavailable
from heygem_daemon.notify.announcer import Announcer
from heygem_daemon.report.metrics_server import MetricsServer
from heygem_daemon.report.status import Status
from heygem_daemon.spool.layout import SpoolLayout


class Monitoring:
    """Starts only what the settings ask for."""

    def __init__(self, settings: Settings, handed: Sequence[socket.socket] = ()) -> None:
        """``handed``: sockets on which systemd has begun to listen for requests of metrics."""
        self.announcer = Announcer(settings)
        self._server = MetricsServer(handed)
        self._port = settings.metrics_port

    def follow(self, settings: Settings) -> None:
        """Follow changed settings. Returns at once."""
        self._port = settings.metrics_port
        self.listen()
        self.announcer.follow(settings)

    @contextmanager
    def while_open(self, spool: SpoolLayout) -> Iterator[None]:
        """What can be done while the daemon owns the spool."""
        self.listen()
        with self.announcer.keeping(spool.state):
            yield

    def publish(self, status: Status) -> None:
        """Tell of a status that was written. Returns at once."""
        self._server.publish(status)
        self.announcer.status_written(status)

    def close(self) -> None:
        """Deliver what waits, for some seconds at most, and stop listening."""
        self.announcer.close()
        self._server.close()

    def listen(self) -> None:
        """Listen for requests. Where that fails the log says so: it is open by then."""
        try:
            self._server.listen(self._port)
        except OSError as error:
            MetricsUnavailable(self._port, error.strerror or str(error)).log()
