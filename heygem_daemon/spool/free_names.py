"""Names to try where other users may take each name as soon as they see it."""

import secrets
from collections.abc import Callable, Iterable, Iterator

from heygem_daemon.errors import NameContested
from heygem_daemon.spool.names import MAX_STEM_BYTES, free_name, printable, safe_name

NUMBERED_TRIES = 20
"""So many numbered names are tried. Others have taken one of them between the look and the rename;
more often than this it is no accident."""

RANDOM_TRIES = 5
"""So many names are then tried that nobody can foresee."""


def names_to_try(name: str, taken: Callable[[], Iterable[str]]) -> Iterator[str]:
    """Yield free names, each made from ``name``: numbered ones, then random ones. ``taken`` returns
    the names that are taken now. Raises NameContested after the last one."""
    base = name if len(name.encode(errors="surrogateescape")) <= MAX_STEM_BYTES else safe_name(name)
    for _ in range(NUMBERED_TRIES):
        yield free_name(base, taken())
    for _ in range(RANDOM_TRIES):
        yield random_name(base)
    raise NameContested(f"Somebody takes each name that {printable(name)} could get.")


def random_name(name: str) -> str:
    """Return ``name`` with a suffix that nobody can foresee, of 11 bytes."""
    return f"{name} ({secrets.token_hex(4)})"
