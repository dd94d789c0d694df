"""What in an inbox is no input of a job, and what people can do about it. Pure.

Hidden files, and those that systems make for themselves, are not mentioned.
"""

import heapq
import re
from collections.abc import Callable, Container, Iterator, Sequence

from heygem_daemon.service.notices import (
    REPLACE_REMEDY,
    REQUESTS_OFF,
    InboxNotice,
    name_each,
    no_request_reason,
    unusable_reason,
)
from heygem_daemon.spool.batch.journal import BATCH_FILE
from heygem_daemon.spool.formats import other_format, unreadable_format
from heygem_daemon.spool.inbox import FolderSnapshot
from heygem_daemon.spool.job import JOURNAL_FILE
from heygem_daemon.spool.layout import PAGE_NAMES
from heygem_daemon.spool.names import fold, printable
from heygem_daemon.spool.progress_files import SUFFIX as RENDERING_SUFFIX
from heygem_daemon.spool.reason import REASON_FILE
from heygem_daemon.spool.request_names import is_request, parse_request_name, request_meant

MAX_NAMED = 50
"""So many files that are no media are named; of the others it is said how many there are."""

BEING_COPIED = "is being copied or downloaded; it counts when it has its final name"
"""What the status says of a file with the name of an unfinished copy."""

OWN = "not used: written by the service itself"
OWN_REMEDY = "Not needed here, and safe to delete."
"""What is said of reports, reasons and the like that somebody has copied back."""

_OWN_NAMES = frozenset(map(fold, (JOURNAL_FILE, BATCH_FILE, REASON_FILE, *PAGE_NAMES)))
_OWN_COPY = re.compile(r"reason( .*)?\.txt|status( .*)?\.(txt|html)", re.IGNORECASE)
"""Their names as systems number copies: ``reason (2).txt``."""

MAX_MISPLACED = 3
"""How many requests in a folder are named."""

MISPLACED = "asks nothing here: a request lies beside the folder, and is about all that is in it"
"""What is said of a request in a folder."""

EMPTY = "not used: empty"
COPY_AGAIN = "Copy again, or delete."
EMPTY_REMEDY = (
    "Copy again, or delete. The name of a request ends in .cancel, .hurry, .retry or .remove."
)


def find_unused(
    snapshot: FolderSnapshot, hidden: Container[str] = (), *, heeds_requests: bool = True
) -> Iterator[InboxNotice]:
    """Yield notices of the files that are neither media nor sidecars nor requests, and of requests
    where none is heeded, which ``heeds_requests`` says. ``hidden``: names that are told of
    elsewhere."""
    unusable, others, unheeded = list[str](), list[str](), list[str]()
    for name in (each for each in snapshot.unsupported_files if each not in hidden):
        meant = request_meant(name)
        if name in snapshot.empty_files and meant is None and not is_request(name):
            others.append(name)
        elif unusable_reason(name) is not None:
            unusable.append(name)
        elif meant is None and not is_request(name):
            others.append(name)
        elif not heeds_requests:
            unheeded.append(name)
        elif meant is not None:
            yield InboxNotice(printable(name), no_request_reason(meant), True)
    yield from name_each(unheeded, REQUESTS_OFF)
    yield from map(_unusable, unusable)
    yield from _first_of(others, lambda name: _left_alone(name, name in snapshot.empty_files))
    visible = [name for name in snapshot.unfinished if not name.startswith((".", "~"))]
    yield from _first_of(visible, lambda name: InboxNotice(printable(name), BEING_COPIED))


def _first_of(
    names: Sequence[str], notice_of: Callable[[str], InboxNotice]
) -> Iterator[InboxNotice]:
    """Yield the notices of the first files by name, the last of which may stand for all others."""
    found = heapq.nsmallest(MAX_NAMED, names)
    for number, name in enumerate(found, 1):
        notice, more = notice_of(name), len(names) - number + 1
        if number == MAX_NAMED and more > 1:
            notice = notice.renamed(f"{printable(name)} ({more} such files)")
        yield notice


def _unusable(name: str) -> InboxNotice:
    remedy = "" if unreadable_format(name) else REPLACE_REMEDY
    reason = f"{unusable_reason(name)}; it is left alone"
    return InboxNotice(printable(name), reason, True, remedy=remedy)


def _left_alone(name: str, is_empty: bool) -> InboxNotice:
    reason, remedy = _why_left_alone(name, is_empty)
    return InboxNotice(printable(name), reason, waits_for=None, remedy=remedy)


def _why_left_alone(name: str, is_empty: bool) -> tuple[str, str]:
    if is_empty:
        return EMPTY, EMPTY_REMEDY
    return (OWN, OWN_REMEDY) if _is_own(name) else other_format(name)


def _is_own(name: str) -> bool:
    """Return whether a file has the name of one that the daemon alone writes."""
    folded = fold(name)
    return (
        folded in _OWN_NAMES
        or folded.endswith(RENDERING_SUFFIX)
        or _OWN_COPY.fullmatch(name) is not None
    )


def say_why_unused(name: str, *, is_empty: bool = False) -> str:
    """Return a clause about a file that is neither medium nor sidecar nor request."""
    shown = printable(name)
    if not is_empty and (unusable := unusable_reason(name)) is not None:
        return f"{shown} lies there too, but {unusable}"
    reason, _ = _why_left_alone(name, is_empty)
    return f"{shown} lies there too, {reason}"


def find_misplaced(folder: str, snapshot: FolderSnapshot) -> Iterator[InboxNotice]:
    """Yield notices of the first requests in a folder, which is dealt with as a whole."""
    names = (each for each in snapshot.unsupported_files if is_request(_file_name(each)))
    for name in heapq.nsmallest(MAX_MISPLACED, names):
        if (parsed := parse_request_name(_file_name(name))) is not None:
            right = f"{folder}.{parsed[1]}"
            remedy = f"Delete this file, and put an empty file {right} into the inbox."
            yield InboxNotice(f"{folder}/{printable(name)}", MISPLACED, True, remedy=remedy)


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def first_unused(snapshot: FolderSnapshot) -> tuple[str, str] | None:
    """Return a clause about one of the files in a folder that nothing is made of, and what to do;
    None: there is none. Files of a known kind go first; the daemon's own do not count."""
    names = [
        name
        for name in snapshot.unsupported_files
        if "/" not in name and not _is_own(name) and not is_request(name)
    ]
    if not names:
        return None
    name = min(names, key=lambda each: (other_format(each) == other_format(""), each))
    is_empty = name in snapshot.empty_files
    remedy = COPY_AGAIN if is_empty else other_format(name)[1]
    if not is_empty and unusable_reason(name):
        remedy = ""
    return say_why_unused(name, is_empty=is_empty), remedy
