"""Requests: what a user asks of a job by dropping a file. Pure.

``talk.cancel`` in the inbox asks to cancel the job ``talk``. The content counts for a retry alone:
it may be that of a sidecar. What the commands of the server ask is the same, from a trusted user.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import TypeVar

from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.names import fold, is_sidecar, pair_key, without_number
from heygem_daemon.spool.ownership import may_decide
from heygem_daemon.spool.request_names import Verb
from heygem_daemon.system.subordinate_ids import holder_of

MAX_REQUEST_BYTES = 4096
"""A longer file is no request: it is left alone. The same as for a sidecar."""

MAX_BLANK_BYTES = 16
"""Up to so many bytes of blanks, line ends and what editors write at the start are no content."""

_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
"""What editors write at the start of a text file: the byte order marks of UTF-8 and UTF-16."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks of a job."""

    verb: Verb

    name: str
    """The name of the job, of its batch, or ``batch/member``; as it was written."""

    shown: str
    """What people know the request by: the name of its file, or the command. Printable."""

    owner: int
    """User id of who asks."""

    asked_ns: int
    """When: the ctime of its file in nanoseconds."""

    folder: str | None = ""
    """The hot folder whose jobs it is about, in whose inbox it lies; empty: the plain inbox; None:
    any, since it is a command, whose ``name`` begins with that of the folder."""

    size: int = 0
    """Bytes of options that come with it; 0: none."""

    is_blank: bool = False
    """Whether these bytes are blanks alone."""

    @property
    def has_content(self) -> bool:
        """Whether it holds what no request of its kind does. Then it is none: a request to cancel
        is made empty, but anybody may move a user's sidecar to that name, as that user's file."""
        is_file_of_user = self.folder is not None and self.verb != "retry"
        return is_file_of_user and self.size > 0 and not self.is_blank

    @property
    def line(self) -> Hashable:
        """Whose it is where requests take turns: its hot folder's, or else its owner's."""
        return self.folder or holder_of(self.owner)

    @property
    def full_name(self) -> str:
        """Its name, with that of its hot folder and a slash before it."""
        return full_name(self.folder or "", self.name)

    @property
    def keys(self) -> frozenset[str]:
        """The names that it may mean, folded, with that of the hot folder and a slash before them.
        ``talk.mp4.cancel`` means the job ``talk``, and so do ``talk.toml.cancel`` and
        ``talk .cancel``."""
        written = {self.name, self.name.strip()}
        names = {fold(each) for each in written}
        names |= {pair_key(each) for each in written if media_kind(each) or is_sidecar(each)}
        return frozenset(full_name(fold(self.folder or ""), name) for name in names)

    @property
    def plain(self) -> "Request":
        """The same with plain letters and digits in place of full-width ones: of ``ｐ2`` that is
        ``p2``."""
        return replace(self, name=unicodedata.normalize("NFKC", self.name))

    @property
    def unnumbered(self) -> "Request":
        """The same about the name without its number: of ``talk (2)`` that is ``talk``."""
        name = self.name.strip()
        return replace(self, name=without_number(name) or name)

    def is_about(self, folder: str) -> bool:
        """Return whether it may act on jobs of the hot folder ``folder``; empty: the plain
        inbox."""
        return self.folder is None or self.folder == folder

    def may_act_on(self, owner: int | None, trusted: Collection[int]) -> bool:
        """Return whether it counts for a job that ``owner`` dropped; None: not known who."""
        return may_decide(self.owner, owner, trusted)


def is_blank(start: bytes) -> bool:
    """Return whether a file that begins with ``start`` holds blanks and line ends alone, also as
    UTF-16. ``start``: one byte more than counts, so that a longer file is none."""
    if len(start) > MAX_BLANK_BYTES:
        return False
    mark = next((each for each in _MARKS if start.startswith(each)), b"")
    return not start.removeprefix(mark).replace(b"\0", b"").strip()


def full_name(folder: str, name: str) -> str:
    """Return a job's name with that of its hot folder and a slash before it, as commands use it.
    ``folder``: empty for the plain inbox."""
    return f"{folder}/{name}" if folder else name


def names_after(names: Iterable[str], last: str, count: int) -> list[str]:
    """Return ``count`` of the names, sorted: those after ``last``, then from the beginning. So one
    look after the other sees all of them, however many there are."""
    ordered = sorted(names)
    start = bisect_right(ordered, last)
    return [*ordered[start:], *ordered[:start]][:count]


def in_turns(items: Iterable[T], owner_of: Callable[[T], Hashable], limit: int) -> list[T]:
    """Return at most ``limit`` of the items, of each owner in turn, so that a flood of one hides
    nobody else's."""
    lines: dict[Hashable, list[T]] = {}
    for each in items:
        lines.setdefault(owner_of(each), []).append(each)
    return [each for each in chain(*zip_longest(*lines.values())) if each is not None][:limit]
