"""The safe copy of a folder into an inbox, as a batch."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.spool.batch.roster import Unclear, roster_of
from heygem_daemon.spool.files import Files, faults_of, is_folder
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.layout import names_in
from heygem_daemon.spool.names import READY_SUFFIX, free_name, kind_of, printable, safe_name
from heygem_daemon.spool.submit import Tally, copied, opened


def submit_folder(
    folder: Path,
    inbox: Path,
    name: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> str:
    """Copy the audio, video and sidecars of ``folder`` into ``inbox`` so that no scan sees it
    unfinished; gives the folder's name there.

    ``name``: wanted name (default: the folder's), made safe and free. ``progress(done, total)`` in
    bytes. Raises BadInput for what is no batch, SpoolUnavailable if the inbox cannot be written.
    """
    sources = _sources(folder)
    wanted = safe_name(folder.absolute().name if name is None else name)
    draft = inbox / f".submit-{os.getpid()}-{os.urandom(4).hex()}.part"
    tally = Tally(sum(path.stat().st_size for path in sources), progress)
    files = Files()
    with contextlib.ExitStack() as stack:
        stack.enter_context(faults_of(inbox))
        stack.callback(files.remove_tree, draft)
        files.make_folder(draft)
        for path in sources:
            with opened(path, kind_of(path.name)) as source:
                copied(source, draft / path.name, path, tally)
        # Nothing will follow: the folder need not settle.
        (draft / READY_SUFFIX).touch()
        while True:
            chosen = free_name(wanted, names_in(inbox))
            with contextlib.suppress(FileExistsError):
                files.move(draft, inbox / chosen)
                return chosen


def _sources(folder: Path) -> list[Path]:
    if not is_folder(folder):
        raise BadInput(
            f"{printable(str(folder))} is no folder.",
            "Give an audio and a video, or a folder of them.",
        )
    with faults_of(folder):
        snapshot = scan(folder)
    roster = roster_of(snapshot)
    if isinstance(roster, Unclear):
        raise BadInput(f"{printable(str(folder))} {roster.reason}.")
    return [entry.path for entry in (*snapshot.entries, *snapshot.sidecars)]
