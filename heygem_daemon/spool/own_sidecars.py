"""The sidecars that are the daemon's own files, as a retry with options makes them.

In an inbox and in processing/ nobody else may read one: that is how it counts (see deciders). In
done/ and failed/ people may read it, like the job's other files. There it decides nothing, and when
a retry takes it back as the job left it, it is closed again.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from heygem_daemon.spool.files import FileOperations, is_file
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.records import AnyRecord


def show_sidecars(files: FileOperations, folder: Path, names: Iterable[str | None]) -> None:
    """Let people read those sidecars in ``folder``, which is about to leave processing/."""
    for path in (folder / name for name in names if name):
        with suppress(OSError):  # its user has withheld it, or it is gone: he cannot read it anyway
            if is_file(path):
                files.let_others_read(path)


def close_sidecar(
    layout: SpoolLayout, files: FileOperations, record: AnyRecord, sidecar: Path
) -> None:
    """Take that right away again before a retry takes ``sidecar`` from done/ or failed/. One that
    is not as the job left it stays as it is."""
    place = sidecar.relative_to(layout.root).parts
    found = (file.find(layout) for file in record.files if file.path == place)
    if sidecar in found:
        files.keep_private(sidecar)
