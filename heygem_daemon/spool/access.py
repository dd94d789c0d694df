"""What the parts of a spool share: how each reaches the folders and files."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.layout import SpoolLayout


@dataclass(frozen=True, slots=True)
class SpoolAccess:
    """The way to one spool."""

    layout: SpoolLayout

    files: FileOperations

    clock: Callable[[], float]
    """Returns seconds since the epoch."""

    guard: Callable[[], AbstractContextManager[None]]
    """Entered around each access to the spool; translates its errors."""

    place: Callable[[str], SpoolLayout]
    """Returns the layout with the folders of a hot folder."""
