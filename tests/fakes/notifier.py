"""A notifier that keeps its messages."""

from heygem_daemon.system.sd_notify import Notifier


class FakeNotifier(Notifier):
    """Keeps the messages that systemd would receive."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def _send(self, message: str) -> None:
        self.sent.append(message)
