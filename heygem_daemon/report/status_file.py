"""Reads and writes ``status.json``, which never grows beyond a limit."""

import errno
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from heygem_daemon.report.backlog import CLAIMABLE
from heygem_daemon.report.status import InboxStatus, Status
from heygem_daemon.report.status_model import StatusModel
from heygem_daemon.report.unlisted import Unlisted
from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import TextLimits, UnreadableText, parse_model, read_text

READ_LIMITS = TextLimits(64 << 20)
"""A ``status.json`` that exceeds them is not read. It is far more than this version writes: one of
another version may be longer."""

MAX_STATUS_BYTES = 256 << 10
"""How many bytes ``write_status`` writes at most."""

MAX_TEXT_CHARACTERS = 1000
"""Of a longer text, only so many characters are written."""

MAX_KEYS = 100
"""Of a larger mapping, only so many entries are written."""

_LEAST_IMPORTANT = ("inbox", "devices", "finished", "finished_batches", "warnings")
"""The lists that are left out of a status for which there is too little room."""

_LISTS = ("finished", "finished_batches", "warnings", "inbox", "devices", "batches", "jobs")
"""The fields of ``Status`` that are lists. While a status is longer than ``MAX_STATUS_BYTES``, the
one that takes most bytes is halved."""

MAX_LISTED = 200
"""How many entries a list of the status has at most."""

MAX_LISTED_BYTES = 60_000
"""How many bytes of JSON a list of the status has at most, apart from its indentation."""

T = TypeVar("T", bound=StatusModel)


def shorten(entries: Sequence[T]) -> tuple[tuple[T, ...], int]:
    """Return the first entries, within both limits, and how many are left out."""
    size, count = 0, 0
    for entry in entries[:MAX_LISTED]:
        size += _size(entry)
        if size > MAX_LISTED_BYTES:
            break
        count += 1
    return tuple(entries[:count]), len(entries) - count


def shorten_inbox(
    urgent: Iterable[InboxStatus],
    others: Iterable[InboxStatus],
    ready: Iterable[InboxStatus],
    limit: int = MAX_LISTED,
) -> tuple[InboxStatus, ...]:
    """Return the first entries of each kind, within the limits of ``shorten`` and at most ``limit``
    together. ``urgent``: what somebody has to act on; it has half of the room, the ``others`` and
    what is ``ready`` have a quarter each, and more where the rest does not need it."""
    in_turns = _in_turns(((2, urgent), (1, others), (1, ready)))
    listed, _ = shorten(tuple(islice(in_turns, limit)))
    return tuple(sorted(listed, key=_inbox_kind))


def _in_turns(kinds: Iterable[tuple[int, Iterable[T]]]) -> Iterator[T]:
    """Yield the entries of several kinds in turns, of each so many in a row as stand before it."""
    left = [(share, iter(entries)) for share, entries in kinds]
    while left:
        for each in tuple(left):
            share, entries = each
            taken = tuple(islice(entries, share))
            yield from taken
            if len(taken) < share:
                left.remove(each)


def _inbox_kind(entry: InboxStatus) -> int:
    if entry.waits_for == "attention":
        return 0
    return 2 if entry.waits_for in CLAIMABLE else 1


def write_status(status: Status, file: Path) -> None:
    """Replace ``file`` in one step, so that no reader sees half of it. Raises OSError.

    On a full disk, when people need the status most, it overwrites the old file in place. If it
    does not fit there, only its most important parts are written.
    """
    try:
        paths.write(file, _text(status), temporary_name=file.name + ".tmp", durable=False)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        _overwrite(file, status)


def _overwrite(file: Path, status: Status) -> None:
    brief = status.model_copy(
        update={"inbox": (), "devices": (), "finished": (), "finished_batches": (), "warnings": ()}
    )
    for each in (status, brief, brief.model_copy(update={"jobs": ()})):
        text = _text(each)
        handle = paths.open_file(file, os.O_RDWR)
        with suppress(OSError), os.fdopen(handle, "r+b", buffering=0) as old:
            if old.write(text) == len(text):
                old.truncate()
                return
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(file))


def _text(status: Status) -> bytes:
    """Return the JSON of a status, with lists as short as the limit requires."""
    while len(text := _dump(status) + b"\n") > MAX_STATUS_BYTES:
        shorter = _halve_a_list(status)
        if shorter is None:
            break
        status = shorter
    return text


def _halve_a_list(status: Status) -> Status | None:
    """Return the status without the second half of its longest list; None where all are empty."""
    sizes = {name: sum(map(len, map(_dump, getattr(status, name)))) for name in _LISTS}
    name = max(sizes, key=lambda each: sizes[each])
    entries = getattr(status, name)
    if not entries:
        return None
    kept = entries[: len(entries) // 2]
    unlisted = _more_unlisted(status.unlisted, name, entries[len(kept) :])
    return status.model_copy(update={name: kept, "unlisted": unlisted})


def _more_unlisted(unlisted: Unlisted, name: str, left_out: Sequence[StatusModel]) -> Unlisted:
    """Return the counts with more entries of the list ``name`` left out."""
    if name == "inbox":
        kinds = Counter(each.waits_for for each in left_out if isinstance(each, InboxStatus))
        return unlisted.with_inbox(kinds)
    return unlisted.model_copy(update={name: getattr(unlisted, name) + len(left_out)})


def _dump(model: StatusModel) -> bytes:
    # On one line: json indents in Python, which takes ten times as long.
    return json.dumps(_bounded(model.model_dump(mode="json"))).encode("ascii")


def _size(entry: StatusModel) -> int:
    """Return about how many bytes ``_dump`` makes of an entry. Hundreds are counted every second,
    and ``_dump`` takes several times as long: it is called for long entries alone."""
    size = len(entry.model_dump_json(ensure_ascii=True))
    return size if size <= MAX_TEXT_CHARACTERS else len(_dump(entry))


def _bounded(value: object) -> object:
    """Return a value of JSON with long texts cut, and without the last entries of a large mapping:
    some of them come from workers and drivers."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT_CHARACTERS else value[:MAX_TEXT_CHARACTERS] + "…"
    if isinstance(value, list):
        return [_bounded(each) for each in value]
    if isinstance(value, dict):
        return {key[:MAX_TEXT_CHARACTERS]: _bounded(value[key]) for key in list(value)[:MAX_KEYS]}
    return value


def read_status(file: Path) -> Status | None:
    """Return the last status written; None where there is none, or none that can be read."""
    try:
        return parse_model(Status, read_text(file, READ_LIMITS), READ_LIMITS)
    except (OSError, UnreadableText):
        return None
