"""What the main loop sleeps on: woken by worker threads, folder events and signals alike."""

import os
import select


class Wake:
    """A flag to wait for. Setting it takes no lock, so a signal handler may."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def set(self) -> None:
        """End the wait at hand, or the next one at once."""
        os.eventfd_write(self._descriptor, 1)

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; whether the flag was set. Clears it."""
        readable, _, _ = select.select([self._descriptor], [], [], seconds)
        if readable:
            os.eventfd_read(self._descriptor)
        return bool(readable)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)
