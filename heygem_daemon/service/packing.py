"""Writing a batch's ZIP beside the main loop, which never waits for a disk."""

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.batch.archive import write_zip

MIB = 1 << 20


class Packing:
    """One ZIP being written by a thread of its own."""

    def __init__(
        self,
        target: Path,
        files: Sequence[Path],
        folder: str,
        keep_bytes: int,
        on_end: Callable[[], None],
    ) -> None:
        """``on_end`` is called from the thread. Raises SpoolUnavailable where the disk has no room
        for the ZIP beside the ``keep_bytes`` that are to stay free."""
        self.bytes = sum(path.stat().st_size for path in files if path.is_file())
        _check_room(target.parent, self.bytes, keep_bytes, folder)
        self._stop = threading.Event()
        self._missing: list[str] | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(
            target=self._run, args=(target, files, folder, on_end), name="zip", daemon=True
        )
        self._thread.start()

    def missing(self) -> list[str] | None:
        """None while it is being written; then the names of files that were gone.

        Raises what went wrong: OSError, or Interrupted after ``stop``.
        """
        if self._thread.is_alive():
            return None
        if self._error is not None:
            raise self._error
        return self._missing or []

    def stop(self) -> None:
        """End it soon, and wait for that."""
        self._stop.set()
        self._thread.join()

    def _run(
        self, target: Path, files: Sequence[Path], folder: str, on_end: Callable[[], None]
    ) -> None:
        try:
            self._missing = write_zip(target, files, folder, self._stop.is_set)
        except Exception as error:  # noqa: BLE001 - raised again in the main loop
            self._error = error
        on_end()


def _check_room(folder: Path, wanted: int, keep: int, name: str) -> None:
    usage = shutil.disk_usage(folder)
    if usage.total and usage.free < wanted + keep:  # no total: the disk keeps no account
        raise SpoolUnavailable(
            f"the ZIP of the batch {name} needs {-(-wanted // MIB)} MiB; the spool's disk has"
            f" {usage.free // MIB} MiB free, and {keep // MIB} are to stay free (free_space_gib);"
            " the results are in the outbox already"
        )
