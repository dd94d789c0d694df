"""The safe copy of a pair into an inbox."""

from collections.abc import Callable
from pathlib import Path


def submit(
    audio: Path,
    video: Path,
    inbox: Path,
    name: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> str:
    """Copy a pair into ``inbox`` so that no scan sees it unfinished; gives the job's name there.

    ``name``: wanted stem (default: the audio's), made safe and free. ``progress(done, total)`` in
    bytes of both files. Raises BadInput for a file that is missing, no regular file, empty or of
    the wrong kind, SpoolUnavailable if the inbox cannot be written.
    """
    raise NotImplementedError
