"""The hot folders of a spool: makes them, and knows them again.

A hot folder ``anna`` is ``inbox/anna/``, ``outbox/anna/``, ``done/anna/`` and ``failed/anna/``.
Anybody may be able to make folders there. So each one is made in .state/, noted in
``.state/hot-folders.json``, and then renamed, which fails where something has its name. Later it is
used only while it is still that folder. Every step can be repeated.
"""

import json
import os
import stat
from contextlib import suppress
from pathlib import Path

from pydantic import Field

from heygem_daemon.config.toml_keys import format_key
from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool.batch.journal import OwnFolder
from heygem_daemon.spool.files import FileOperations, is_folder
from heygem_daemon.spool.job import FrozenModel
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.names import printable
from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import BATCH_LIMITS, UnreadableText, parse_model, read_text

PARTS = ("inbox", "outbox", "done", "failed")
"""The folders of the spool in which each hot folder has one of its name."""

RECORD_FILE = "hot-folders.json"
"""File in .state/ with the identities of the folders that the daemon made."""

DRAFT_FOLDER = "new-hot-folder"
"""Folder in .state/ before it is renamed."""


class MadeFolders(FrozenModel):
    """``hot-folders.json``: the folders that the daemon made, by part and name: ``inbox/anna``."""

    made: dict[str, OwnFolder] = Field(default_factory=dict)


class HotFolders:
    """The hot folders of the spool with this layout. Raises SpoolUnavailable, OSError."""

    def __init__(self, layout: SpoolLayout, files: FileOperations) -> None:
        self._layout = layout
        self._files = files

    def open(self, name: str) -> SpoolLayout:
        """Return the layout with the folders of a hot folder, of which missing ones are made.

        ``name`` is one component of a path; empty: the plain folders. Raises SpoolUnavailable where
        something else has the name of one.
        """
        if name:
            for part in PARTS:
                self._ensure(part, name)
        return self._layout.in_folder(name)

    def inboxes(self) -> frozenset[str]:
        """Return the names of the folders in the plain inbox that the daemon made: for hot folders
        of now, or of an earlier configuration."""
        made = self._load().made.items()
        return frozenset(
            path.name
            for path, known in ((self._layout.root / name, known) for name, known in made)
            if path.parent == self._layout.inbox and _is_made(path, known)
        )

    def outboxes(self) -> dict[str, OwnFolder]:
        """Return the identity of the outbox of each hot folder that the daemon made, by name."""
        made = self._load().made.items()
        outboxes = ((self._layout.root / name, known) for name, known in made)
        return {path.name: known for path, known in outboxes if path.parent == self._layout.outbox}

    def _ensure(self, part: str, name: str) -> None:
        """Make a folder, unless it is there."""
        path, record = self._layout.root / part / name, self._load()
        known = record.made.get(f"{part}/{name}")
        if known is not None and _is_made(path, known):
            return
        if paths.exists(path):
            raise _taken(path)
        draft = self._layout.state / DRAFT_FOLDER
        if known is None or not (is_folder(draft) and OwnFolder.of(paths.lstat(draft)) == known):
            self._files.remove_empty(draft)
            self._files.make_folder(draft, 0o700)
            made = {**record.made, f"{part}/{name}": OwnFolder.of(paths.lstat(draft))}
            self._save(MadeFolders(made=made))
        _open_like(draft, path.parent)
        try:
            self._files.move(draft, path)
        except FileExistsError as error:
            raise _taken(path) from error

    def _load(self) -> MadeFolders:
        try:
            text = read_text(self._layout.state / RECORD_FILE, BATCH_LIMITS)
            return parse_model(MadeFolders, text, BATCH_LIMITS)
        except (UnreadableText, FileNotFoundError):
            return MadeFolders()

    def _save(self, record: MadeFolders) -> None:
        text = json.dumps(record.model_dump(), indent=1).encode() + b"\n"
        self._files.write(self._layout.state / RECORD_FILE, text)


def _is_made(path: Path, known: OwnFolder) -> bool:
    """Return whether ``path`` is the folder ``known``, on the file system of its parent."""
    if not is_folder(path):
        return False
    status = paths.lstat(path)
    return OwnFolder.of(status) == known and status.st_dev == paths.lstat(path.parent).st_dev


def _open_like(folder: Path, model: Path) -> None:
    """Give a new folder in .state/ the permissions of ``model``, and its group where this user
    may."""
    status = paths.lstat(model)
    with suppress(PermissionError):
        os.chown(folder, -1, status.st_gid)
    folder.chmod(stat.S_IMODE(status.st_mode))


def _taken(path: Path) -> SpoolUnavailable:
    shown = printable(str(path))
    return SpoolUnavailable(
        f"{shown} is not the folder that the daemon made for this purpose, so nothing is taken from"
        " it or put into it. Move it away, and the daemon makes its own; or choose another name for"
        f" [folders.{format_key(printable(path.name))}]"
    )
