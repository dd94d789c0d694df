"""Writes the ZIP of a batch in a thread of its own: the main loop never waits for a disk."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.batch.results_zip import PackedFile, write_zip
from heygem_daemon.system.disk_space import describe_shortage, read_disk_space


class ZipWriter:
    """Writes one ZIP in a thread of its own."""

    def __init__(
        self,
        target: Path,
        files: Sequence[PackedFile],
        folder: str,
        keep_free_bytes: int,
        on_end: Callable[[], None],
    ) -> None:
        """Start writing. ``on_end`` is called from the thread. Raises SpoolUnavailable where the
        disk has no room for the ZIP beside ``keep_free_bytes``."""
        self.size_bytes = sum(file.identity.size for file in files if file.is_unchanged())
        _check_disk_space(target.parent, self.size_bytes, keep_free_bytes, folder)
        self._stop = threading.Event()
        self._missing: list[str] | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(
            target=self._run, args=(target, files, folder, on_end), name="zip", daemon=True
        )
        self._thread.start()

    def poll_missing_files(self) -> list[str] | None:
        """Return None while the ZIP is being written, then the names of files that were missing.

        Raises the thread's error: OSError, or Interrupted after ``stop``.
        """
        if self._thread.is_alive():
            return None
        if self._error is not None:
            raise self._error
        return self._missing or []

    def stop(self) -> None:
        """Stop writing, and wait until the thread has ended."""
        self._stop.set()
        self._thread.join()

    def _run(
        self, target: Path, files: Sequence[PackedFile], folder: str, on_end: Callable[[], None]
    ) -> None:
        try:
            self._missing = write_zip(target, files, folder, self._stop.is_set)
        except Exception as error:  # noqa: BLE001 - raised again in the main loop
            self._error = error
        on_end()


def _check_disk_space(folder: Path, needed: int, keep_free: int, name: str) -> None:
    space = read_disk_space(folder)
    if not space.has_room(needed + keep_free):
        shortage = describe_shortage(
            f"the ZIP of the batch {name}", needed, space.free_bytes, keep_free
        )
        raise SpoolUnavailable(f"{shortage}; the results are in the outbox already")
