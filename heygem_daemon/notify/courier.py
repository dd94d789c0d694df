"""Hands occasions to the process that delivers them. Nothing here waits for it or for a target."""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread

from heygem_daemon.events.notify import (
    NotificationFailed,
    NotificationsDropped,
    NotificationSent,
    NotificationsUnusable,
)
from heygem_daemon.language.translator import LanguageSetting
from heygem_daemon.notify.link import Link, open_link
from heygem_daemon.notify.occasion import Delivery, DeliveryOrder, Occasion
from heygem_daemon.system.untrusted import MESSAGE_LIMITS, UnreadableText, parse_model

COMMAND = (sys.executable, "-m", "heygem_daemon.notify.deliverer")
MAX_WAITING = 500
"""How many occasions wait for the process."""

RESTART_SECONDS = 10.0
"""How long after its death the process is started again."""

SILENT = "the process that delivers ended and said nothing"
CLOSE_SECONDS = 6.0
"""How long what waits may still be delivered when the daemon stops."""


class Courier:
    """Owns the process and a thread that feeds it: the process starts with the first occasion, and
    again after its death."""

    def __init__(
        self,
        targets: Path,
        *,
        confine: bool = True,
        language: LanguageSetting = "both",
        command: Sequence[str] = COMMAND,
        address: Path | None = None,
        on_delivery: Callable[[Delivery], None] = lambda _delivery: None,
    ) -> None:
        """``targets``: the file with the targets, which the process alone reads. ``address``: the
        socket of the unit that delivers, if there is one; where nobody listens on it, ``command``
        is started. ``on_delivery`` is called in another thread."""
        self._order = DeliveryOrder(targets=str(targets), language=language, confine=confine)
        self._command, self._address = tuple(command), address
        self._on_delivery = on_delivery
        self._waiting: Queue[Occasion | None] = Queue(MAX_WAITING)
        self._is_closing = Event()
        self._has_dropped = False
        self._told = ""
        """Why nothing could be sent, as it was last logged."""
        self._link: Link | None = None
        self._listener: Thread | None = None
        self._thread = Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def post(self, occasion: Occasion) -> None:
        """Have an occasion delivered, if not too many wait. Returns at once."""
        try:
            self._waiting.put_nowait(occasion)
            self._has_dropped = False
        except Full:
            if not self._has_dropped:
                NotificationsDropped(MAX_WAITING).log()
            self._has_dropped = True

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Deliver what waits, for that long at most, and end the process."""
        self.retire()
        self._thread.join(seconds)
        if (link := self._link) is not None:
            link.end()

    def retire(self) -> None:
        """As ``close``, without waiting: the process ends by itself."""
        self._is_closing.set()
        try:
            self._waiting.put_nowait(None)
        except Full:
            with suppress(Empty):
                self._waiting.get_nowait()
            with suppress(Full):
                self._waiting.put_nowait(None)

    def _run(self) -> None:
        """Feed the process. It is started in this thread, with which the kernel would end it."""
        while (occasion := self._waiting.get()) is not None:
            while not self._feed(occasion):
                if self._is_closing.wait(RESTART_SECONDS):
                    return
        self._finish()

    def _feed(self, occasion: Occasion) -> bool:
        """Write an occasion to the process; return whether it lives."""
        link = self._link
        if link is not None and not link.is_alive():
            link.end()
            link = None
        try:
            if link is None:
                link = self._open()
            link.send(occasion.to_line())
        except ConnectionError:
            return False
        except OSError as error:
            self._tell(error.strerror or str(error))
            return False
        return True

    def _open(self) -> Link:
        """Have the process started and give it its order. Raises OSError."""
        link = self._link = open_link(self._command, self._address)
        self._listener = Thread(target=self._listen, args=(link,), daemon=True)
        self._listener.start()
        link.send(self._order.to_line())
        return link

    def _listen(self, link: Link) -> None:
        has_answered = False
        with link.answers as answers, suppress(OSError):
            while line := answers.readline(MESSAGE_LIMITS.max_bytes):
                has_answered = True
                try:
                    delivery = parse_model(Delivery, line, MESSAGE_LIMITS)
                except UnreadableText:
                    self._tell(line.decode(errors="replace").strip()[:500])
                    continue
                self._told = ""
                log_delivery(delivery)
                self._on_delivery(delivery)
        if not has_answered and not self._is_closing.is_set():
            self._tell(SILENT)

    def _finish(self) -> None:
        """Let the process end after what it has in hand."""
        if self._link is None or self._listener is None:
            return
        self._link.send_end()
        self._listener.join(CLOSE_SECONDS)
        if not self._listener.is_alive():
            self._link.end()

    def _tell(self, problem: str) -> None:
        """Log why nothing can be sent, once for each reason."""
        if problem != self._told:
            NotificationsUnusable(problem).log()
        self._told = problem


def log_delivery(delivery: Delivery) -> None:
    """Log what became of an occasion at a target."""
    if delivery.outcome == "delivered":
        NotificationSent(delivery.kind, delivery.target, delivery.tries).log()
    else:
        reason = delivery.reason or delivery.outcome
        NotificationFailed(delivery.kind, delivery.target, delivery.tries, reason).log()
