"""Keep a folder, or files for one, out of the readers' sight until it is proven what they hold."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class StagedFolder:
    """A folder of a shared cache to which this process adds.

    Nothing that is added has its final name before ``publish``. Another process may publish the
    same meanwhile: both are alike, and that one stays.
    """

    def __init__(self, target: Path) -> None:
        """``target``: the folder in the cache. Where there is none yet, a hidden one beside it is
        filled, and all of it is published together. Raises OSError."""
        self._target = target
        self._pending: dict[str, Path] = {}
        self.is_new = not target.is_dir()
        """Whether the folder was not in the cache."""
        self.folder = target
        """Where to read and write."""
        if self.is_new:
            self.folder = target.with_name(f".{target.name}.{os.getpid()}")
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)

    @contextmanager
    def add(self, name: str) -> Iterator[Path]:
        """Yield the path at which to write a file that will have ``name``."""
        path = self.folder / f".{name}.{os.getpid()}.part"
        try:
            yield path
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._pending[name] = path

    def publish(self) -> None:
        """Give everything its final name. Raises OSError."""
        for name, path in self._pending.items():
            path.replace(self.folder / name)
        self._pending.clear()
        if not self.is_new:
            return
        try:
            self.folder.rename(self._target)
        except OSError:
            if not self._target.is_dir():
                raise

    def discard(self) -> None:
        """Delete what is not published. What is still open of it can be read on."""
        for path in self._pending.values():
            with suppress(OSError):
                path.unlink()
        if self.is_new:
            shutil.rmtree(self.folder, ignore_errors=True)
