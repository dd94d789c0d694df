"""Hands occasions to the process that delivers them. Nothing here waits for it or for a target."""

import subprocess
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
from heygem_daemon.notify.occasion import Delivery, Occasion
from heygem_daemon.system.untrusted import MESSAGE_LIMITS, UnreadableText, parse_model

COMMAND = (sys.executable, "-m", "heygem_daemon.notify.deliverer")
MAX_WAITING = 500
"""How many occasions wait for the process."""

RESTART_SECONDS = 10.0
"""How long after its death the process is started again."""

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
        on_delivery: Callable[[Delivery], None] = lambda _delivery: None,
    ) -> None:
        """``targets``: the file with the targets, which the process alone reads. ``on_delivery`` is
        called in another thread."""
        self._command = [*command, str(targets), language, *(["--confine"] if confine else [])]
        self._on_delivery = on_delivery
        self._waiting: Queue[Occasion | None] = Queue(MAX_WAITING)
        self._is_closing = Event()
        self._has_dropped = False
        self._told = ""
        """Why nothing could be sent, as it was last logged."""
        self._process: subprocess.Popen[bytes] | None = None
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
        if (process := self._process) is not None:
            _end(process)

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
        process = self._process
        if process is not None and process.poll() is not None:
            _end(process)
            process = None
        if process is None:
            try:
                process = self._start()
            except OSError as error:
                self._tell(error.strerror or str(error))
                return False
        assert process.stdin is not None
        try:
            process.stdin.write(occasion.to_line())
            process.stdin.flush()
        except BrokenPipeError:
            return False
        return True

    def _start(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._process = process
        Thread(target=self._listen, args=(process,), daemon=True).start()
        return process

    def _listen(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with process.stdout as output:
            while line := output.readline(MESSAGE_LIMITS.max_bytes):
                try:
                    delivery = parse_model(Delivery, line, MESSAGE_LIMITS)
                except UnreadableText:
                    self._tell(line.decode(errors="replace").strip()[:500])
                    continue
                self._told = ""
                log_delivery(delivery)
                self._on_delivery(delivery)

    def _finish(self) -> None:
        """End the process after what it has in hand."""
        process = self._process
        if process is None:
            return
        with suppress(BrokenPipeError):
            assert process.stdin is not None
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(CLOSE_SECONDS)

    def _tell(self, problem: str) -> None:
        """Log why nothing can be sent, once for each reason."""
        if problem != self._told:
            NotificationsUnusable(problem).log()
        self._told = problem


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process, and close the pipe to it."""
    process.kill()
    process.wait()
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()


def log_delivery(delivery: Delivery) -> None:
    """Log what became of an occasion at a target."""
    if delivery.outcome == "delivered":
        NotificationSent(delivery.kind, delivery.target, delivery.tries).log()
    else:
        reason = delivery.reason or delivery.outcome
        NotificationFailed(delivery.kind, delivery.target, delivery.tries, reason).log()
