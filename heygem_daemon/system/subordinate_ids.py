"""Which user has a user id as one of his subordinate ones.

A user of this machine may own files under tens of thousands of other ids, which ``/etc/subuid``
gives him for containers (subuid(5)). Where people take turns he is one person.
"""

import pwd
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

SUBUID = Path("/etc/subuid")
"""Only root can write to it."""

MAX_REMEMBERED = 100_000
"""Of so many ids it is remembered whose they are."""


@lru_cache(MAX_REMEMBERED)
def holder_of(uid: int) -> int:
    """Return the user who has ``uid`` as a subordinate id; ``uid`` itself, where it is nobody's, or
    an account of its own: on some machines the ids of a directory's users lie in such a range."""
    found = next((holder for ids, holder in _ranges() if uid in ids), uid)
    return uid if found == uid or _is_account(uid) else found


def _ranges() -> Iterator[tuple[range, int]]:
    """Yield the ranges of the file, each with who has it; of a user who is gone, with its first
    id."""
    try:
        lines = SUBUID.read_text(errors="replace").splitlines()
    except OSError:
        return
    for name, first, count in (line.split(":") for line in lines if line.count(":") == 2):
        if first.isdecimal() and count.isdecimal():
            ids = range(int(first), int(first) + int(count))
            yield ids, int(name) if name.isdecimal() else _uid_of(name, ids.start)


def _uid_of(name: str, otherwise: int) -> int:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return otherwise


def _is_account(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return False
    return True
