"""Hands occasions to the process that delivers them. Nothing here waits for it or for a target."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Literal

from heygem_daemon.events.notify import (
    NotificationsDropped,
    NotificationsUnusable,
)
from heygem_daemon.notify.link import Link, open_link
from heygem_daemon.notify.occasion import (
    DelivererAnswer,
    Delivery,
    DeliveryOrder,
    Errand,
    Occasion,
    Postponed,
    most_dispensable,
)
from heygem_daemon.notify.silence import Silence
from heygem_daemon.notify.undelivered import Undelivered
from heygem_daemon.report.notification_status import NotificationStatus
from heygem_daemon.system.untrusted import MESSAGE_LIMITS, UnreadableText, parse_model

COMMAND = (sys.executable, "-m", "heygem_daemon.notify.deliverer")
MAX_WAITING = 500
"""How many occasions wait for the thread; when there are more, ``most_dispensable`` says which
goes."""

RESTART_SECONDS = 10.0
"""How long after its start the process is started again where it has ended. Doubled while no
process delivers anything."""

MAX_RESTART_SECONDS = 900.0
SILENT = "the process that delivers ended and said nothing"
CLOSE_SECONDS = 6.0
"""How long what waits may still be delivered when the daemon stops."""

_KILLED_SECONDS = 1.0
"""How long the thread has to note what waits when its process was killed."""


class Courier:
    """Owns the process and a thread that feeds it: the process starts with the first occasion, and
    again after its death while something waits."""

    def __init__(
        self,
        order: DeliveryOrder,
        *,
        undelivered: Undelivered | None = None,
        folder: Path | None = None,
        command: Sequence[str] = COMMAND,
        address: Path | None = None,
        on_delivery: Callable[[Delivery], None] = lambda _delivery: None,
        earlier: "Courier | None" = None,
    ) -> None:
        """``undelivered``: what an earlier courier has left; ``folder``: where it is kept, None:
        nowhere. ``address``: the socket of the unit that delivers, if there is one; where nobody
        listens on it, ``command`` is started. ``on_delivery`` is called in another thread.
        ``earlier`` is closed before anything is sent."""
        self._order = order
        self._undelivered = Undelivered() if undelivered is None else undelivered
        self._command, self._address = tuple(command), address
        self._on_delivery = on_delivery
        self._folder = folder
        self._earlier = earlier
        self._posted: list[Occasion] = []
        """What the thread has not taken yet."""
        self._lock = Lock()
        """Of what is posted."""
        self._waiting: SimpleQueue[Link | Literal["news"] | None] = SimpleQueue()
        """Wakes the thread: something was posted, the process of a link has ended, or, with None,
        the courier is to end."""
        self._silence = Silence()
        self._is_closing = Event()
        self._has_dropped = False
        self._told = ""
        """Why nothing could be sent, as it was last logged."""
        self._next_start = 0.0
        """Of the process, in seconds of the monotonic clock."""
        self._pause = RESTART_SECONDS
        self._link: Link | None = None
        self._listener: Thread | None = None
        self._thread = Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    @property
    def status(self) -> NotificationStatus:
        """What waits, and which targets take nothing."""
        waiting = len(self._posted) + len(self._undelivered)
        return NotificationStatus(waiting=waiting, silent=self._silence.targets)

    def post(self, occasion: Occasion) -> None:
        """Have an occasion delivered. Returns at once."""
        with self._lock:
            is_first, is_full = not self._posted, len(self._posted) >= MAX_WAITING
            self._posted.append(occasion)
            if is_full:
                self._posted.remove(most_dispensable(self._posted))
        if is_first:
            self._waiting.put("news")
        if is_full and not self._has_dropped:
            NotificationsDropped(MAX_WAITING).log()
        self._has_dropped = is_full

    def _take_posted(self) -> list[Occasion]:
        with self._lock:
            posted, self._posted = self._posted, []
            return posted

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Deliver what waits, for that long at most, and end the process. What is not delivered
        then stays in ``undelivered``."""
        self.retire()
        self._thread.join(seconds)
        if (link := self._link) is not None:
            link.end()
            self._thread.join(_KILLED_SECONDS)

    def retire(self) -> None:
        """As ``close``, without waiting: the process ends by itself."""
        self._is_closing.set()
        self._waiting.put(None)

    def _run(self) -> None:
        """Feed the process. It is started in this thread, with which the kernel would end it."""
        if self._earlier is not None:
            self._earlier.close()
            self._earlier = None
        if self._folder is not None:
            self._undelivered.open(self._folder)
        self._feed_all(None)
        while (item := self._waiting.get()) is not None:
            if item == "news":
                for occasion in self._take_posted():
                    self._undelivered.add(Errand(occasion=occasion))
                    self._feed_all(occasion)
            elif item is self._link:
                self._drop_link()
                self._feed_all(None)
        self._finish()

    def _feed_all(self, occasion: Occasion | None) -> None:
        while not self._feed(occasion):
            if self._is_closing.is_set():
                break
        self._undelivered.save()

    def _feed(self, occasion: Occasion | None) -> bool:
        """Tell the process of an occasion; where it has to be started, of all that wait. Return
        whether that succeeded."""
        try:
            if self._link is None or not self._link.is_alive():
                self._open()
            elif occasion is not None:
                self._link.send(Errand(occasion=occasion).to_line())
        except OSError as error:
            if not isinstance(error, ConnectionError):
                self._tell(error.strerror or str(error))
            self._drop_link()
            return False
        return True

    def _open(self) -> None:
        """Have the process started if something waits for it, not too often, and give it its order.
        Raises OSError."""
        self._drop_link()
        wait = self._next_start - time.monotonic()
        if not len(self._undelivered) or (wait > 0 and self._is_closing.wait(wait)):
            return
        self._next_start = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, MAX_RESTART_SECONDS)
        link = self._link = open_link(self._command, self._address)
        self._listener = Thread(target=self._listen, args=(link,), daemon=True)
        self._listener.start()
        link.send(self._order.to_line())
        for errand in self._undelivered.errands():
            link.send(errand.to_line())

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.end()

    def _listen(self, link: Link) -> None:
        has_answered = False
        with link.answers as answers, suppress(OSError):
            while line := answers.readline(MESSAGE_LIMITS.max_bytes):
                has_answered = True
                try:
                    answer = parse_model(DelivererAnswer, line, MESSAGE_LIMITS).root
                except UnreadableText:
                    self._tell(line.decode(errors="replace").strip()[:500])
                    continue
                self._told = ""
                if isinstance(answer, Delivery):
                    self._pause = RESTART_SECONDS
                    self._undelivered.settle(answer)
                    self._silence.ended(answer)
                    self._on_delivery(answer)
                elif isinstance(answer, Postponed):
                    self._silence.postponed(answer)
                    continue
                else:
                    self._undelivered.take(answer)
                self._undelivered.save()
        if not self._is_closing.is_set():
            self._waiting.put(link)
            if not has_answered:
                self._tell(SILENT)

    def _finish(self) -> None:
        """Let the process end after what it has in hand, and note what is left."""
        for occasion in self._take_posted():
            self._undelivered.add(Errand(occasion=occasion))
        if self._link is not None and self._listener is not None:
            self._link.send_end()
            self._listener.join(CLOSE_SECONDS)
            if not self._listener.is_alive():
                self._link.end()
        self._undelivered.save()

    def _tell(self, problem: str) -> None:
        """Log why nothing can be sent, once for each reason."""
        if problem != self._told:
            NotificationsUnusable(problem).log()
        self._told = problem
