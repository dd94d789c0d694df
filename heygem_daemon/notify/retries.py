"""Delivers to one target in a thread of its own: in order, again after a failure, within limits."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread

from heygem_daemon.notify.occasion import (
    Delivery,
    Errand,
    Occasion,
    OccasionKind,
    Postponed,
    most_dispensable,
)
from heygem_daemon.notify.senders import NotDelivered

FIRST_PAUSE_SECONDS = 5.0
MAX_PAUSE_SECONDS = 900.0
MAX_TRIES = 20
"""With the pauses below: about three hours."""

MAX_WAITING = 200
"""How many occasions wait for a target; when there are more, ``most_dispensable`` says which
goes."""


def pause_seconds(tries: int) -> float:
    """Return how long to wait after that many failed tries: 5 s, doubled each time, at most 15
    minutes."""
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(tries - 1, 20), MAX_PAUSE_SECONDS)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A target, and how it is reached."""

    name: str
    events: tuple[OccasionKind, ...]
    send: Callable[[Occasion], None]
    """Raises NotDelivered."""

    def wants(self, errand: Errand) -> bool:
        """Return whether it is to be told."""
        is_meant = errand.targets is None or self.name in errand.targets
        return is_meant and errand.occasion.kind in self.events


def _tell_nobody(_postponed: Postponed) -> None:
    pass


class DeliveryThread:
    """Delivers the occasions of one recipient. A slow target delays no other one."""

    def __init__(
        self,
        recipient: Recipient,
        on_end: Callable[[Delivery], None],
        pause: Callable[[int], float] = pause_seconds,
        on_postponed: Callable[[Postponed], None] = _tell_nobody,
    ) -> None:
        """``on_end`` is called in this thread with what became of each occasion, but not of what
        would be tried again when ``finish`` is called. ``on_postponed``: the same, with each try
        after which another one comes."""
        self.recipient = recipient
        self._on_end = on_end
        self._on_postponed = on_postponed
        self._pause = pause
        self._waiting: deque[Occasion] = deque()
        self._changed = Condition()
        self._is_closing = False
        self._thread = Thread(target=self._run, name=f"notify {recipient.name}", daemon=True)
        self._thread.start()

    def add(self, occasion: Occasion) -> None:
        """Deliver an occasion."""
        with self._changed:
            dropped = most_dispensable(self._waiting) if len(self._waiting) >= MAX_WAITING else None
            if dropped is not None:
                self._waiting.remove(dropped)
            self._waiting.append(occasion)
            self._changed.notify()
        if dropped is not None:
            self._report(dropped, "dropped", reason=f"more than {MAX_WAITING} wait")

    def finish(self, seconds: float) -> None:
        """Try once what still waits, for that long at most."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(seconds)

    def _run(self) -> None:
        while (occasion := self._next()) is not None:
            self._deliver(occasion)

    def _next(self) -> Occasion | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            return self._waiting.popleft() if self._waiting else None

    def _deliver(self, occasion: Occasion) -> None:
        for tries in range(1, MAX_TRIES + 1):
            try:
                self.recipient.send(occasion)
            except NotDelivered as error:
                if error.is_final or tries == MAX_TRIES:
                    self._report(occasion, "failed", tries, str(error))
                    return
                if self._is_stopped_within(self._postpone(occasion, tries, str(error))):
                    return
            except Exception as error:  # noqa: BLE001 - concerns this occasion alone
                self._report(occasion, "failed", tries, f"a bug ({type(error).__name__})")
                return
            else:
                self._report(occasion, "delivered", tries)
                return

    def _postpone(self, occasion: Occasion, tries: int, reason: str) -> float:
        """Say that another try comes, unless the end does; return in how many seconds."""
        seconds = self._pause(tries)
        if not self._is_closing:
            self._on_postponed(
                Postponed(
                    target=self.recipient.name,
                    kind=occasion.kind,
                    tries=tries,
                    seconds=seconds,
                    reason=reason,
                )
            )
        return seconds

    def _is_stopped_within(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._is_closing, seconds)

    def _report(self, occasion: Occasion, outcome: str, tries: int = 0, reason: str = "") -> None:
        self._on_end(
            Delivery.model_validate(
                {
                    "id": occasion.id,
                    "target": self.recipient.name,
                    "kind": occasion.kind,
                    "outcome": outcome,
                    "tries": tries,
                    "reason": reason,
                }
            )
        )
