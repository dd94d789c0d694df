"""What tells others of the daemon: metrics over HTTP, notifications, the command after a job."""

from heygem_daemon.config.settings import Settings
from heygem_daemon.events.daemon import MetricsUnavailable
from heygem_daemon.notify.announcer import Announcer
from heygem_daemon.report.metrics_server import MetricsServer
from heygem_daemon.report.status import Status


class Monitoring:
    """Starts only what the settings ask for."""

    def __init__(self, settings: Settings) -> None:
        self.announcer = Announcer(settings)
        self._server = MetricsServer()
        self._listen(settings)

    def follow(self, settings: Settings) -> None:
        """Follow changed settings. Returns at once."""
        self._listen(settings)
        self.announcer.follow(settings)

    def publish(self, status: Status) -> None:
        """Tell of a status that was written. Returns at once."""
        self._server.publish(status)
        self.announcer.status_written(status)

    def close(self) -> None:
        """Deliver what waits, for some seconds at most, and stop listening."""
        self.announcer.close()
        self._server.close()

    def _listen(self, settings: Settings) -> None:
        try:
            self._server.listen(settings.metrics_port)
        except OSError as error:
            MetricsUnavailable(settings.metrics_port, error.strerror or str(error)).log()
