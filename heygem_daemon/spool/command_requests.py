"""Requests of the commands on the server, in ``.state/requests/``, and the daemon's answers.

Only the daemon's user can write there. ``<id>.json`` is a request, ``<id>.toml`` holds the options
that come with it, ``<id>.answer`` is what became of it. The command deletes the answer.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from heygem_daemon.spool.deciders import TRUSTED
from heygem_daemon.spool.files import FileOperations, is_folder
from heygem_daemon.spool.job import FileName, new_id
from heygem_daemon.spool.layout import SpoolLayout, names_in
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.request_files import RequestFile, is_request_file
from heygem_daemon.spool.request_names import Verb
from heygem_daemon.spool.requests import MAX_REQUEST_BYTES, Request
from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import TextLimits, UnreadableText, parse_model, read_text

REQUEST_SUFFIX, OPTIONS_SUFFIX, ANSWER_SUFFIX = ".json", ".toml", ".answer"

MAX_ANSWERS = 100
"""How many answers are kept that no command has read."""

_LIMITS = TextLimits(MAX_REQUEST_BYTES)


class CommandRequest(BaseModel):
    """What ``<id>.json`` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verb: Verb
    name: tuple[FileName, ...]
    """The components of the name: hot folder, batch, job."""


class CommandAnswer(BaseModel):
    """What ``<id>.answer`` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    """A sentence without its full stop."""

    is_refusal: bool = False


def leave_request(
    layout: SpoolLayout, files: FileOperations, verb: Verb, name: str, now: float, options: str = ""
) -> str:
    """Leave a request for the daemon. Return its id. ``options``: those of a sidecar, for a retry;
    ``now``: seconds since the epoch. Raises OSError."""
    if not is_folder(layout.requests):
        files.make_folder(layout.requests, 0o700)
        give_to_owner(layout.requests, layout.state)
    identity = new_id(now)
    if options:
        files.write(path := layout.requests / (identity + OPTIONS_SUFFIX), options.encode())
        give_to_owner(path, layout.state)
    # ASCII, in which undecodable bytes of names become escaped surrogates.
    text = json.dumps({"verb": verb, "name": name.split("/")}).encode()
    files.write(path := layout.requests / (identity + REQUEST_SUFFIX), text)
    give_to_owner(path, layout.state)
    return identity


def give_to_owner(path: Path, folder: Path) -> None:
    """Give what root has made to the owner of ``folder``, so that the daemon can read it. Raises
    OSError."""
    owner = paths.lstat(folder)
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def find_command_requests(layout: SpoolLayout) -> list[RequestFile]:
    """Return the requests of commands, the oldest first. Raises OSError."""
    return list(_commands_in(layout.requests)) if is_folder(layout.requests) else []


def clear_command(files: FileOperations, found: RequestFile) -> None:
    """Delete the files of a request that has been carried out. Raises OSError."""
    files.remove_file(found.path.with_suffix(OPTIONS_SUFFIX))
    files.remove_file(found.path)


def answer_command(
    layout: SpoolLayout, files: FileOperations, found: RequestFile, answer: CommandAnswer
) -> None:
    """Tell a command what became of its request, or what it waits for. Raises OSError."""
    path = found.path.with_suffix(ANSWER_SUFFIX)
    text = json.dumps(answer.model_dump()).encode()
    files.write(path, text)
    give_to_owner(path, layout.state)
    answers = sorted(name for name in names_in(layout.requests) if name.endswith(ANSWER_SUFFIX))
    for name in answers[:-MAX_ANSWERS]:
        files.remove_file(layout.requests / name)


def take_answer(layout: SpoolLayout, files: FileOperations, identity: str) -> CommandAnswer | None:
    """Return the answer to a request, and delete it; None: there is none yet. Raises OSError,
    UnreadableText."""
    path = layout.requests / (identity + ANSWER_SUFFIX)
    try:
        answer = parse_model(CommandAnswer, read_text(path))
    except FileNotFoundError:
        return None
    files.remove_file(path)
    return answer


def _commands_in(folder: Path) -> Iterator[RequestFile]:
    for name in sorted(names_in(folder)):
        path = folder / name
        if name.startswith(".") or not name.endswith(REQUEST_SUFFIX):
            continue
        with suppress(OSError, UnreadableText):
            status = paths.lstat(path)
            if not is_request_file(status):
                continue
            asked = parse_model(CommandRequest, read_text(path, _LIMITS), _LIMITS)
            written = "/".join(asked.name)
            request = Request(
                verb=asked.verb,
                name=written,
                shown=f"heygem-daemon {asked.verb} {printable(written)}",
                owner=TRUSTED,
                asked_ns=status.st_ctime_ns,
                folder=None,
                size=status.st_size,
            )
            options = path.with_suffix(OPTIONS_SUFFIX)
            yield RequestFile(
                request, path, status.st_ino, options if paths.exists(options) else None
            )
