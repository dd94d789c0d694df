"""Free names where other users may take each name as soon as they see it, and may fill a folder."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from heygem_daemon.errors import NameContested
from heygem_daemon.spool.names import (
    MAX_STEM_BYTES,
    fold,
    numbered_names,
    printable,
    safe_name,
    split_extension,
)
from heygem_daemon.system import paths

NUMBERED_TRIES = 20
"""So many numbered names are tried. Others have taken one of them between the look and the rename;
more often than this it is no accident."""

RANDOM_TRIES = 5
"""So many names are then tried that nobody can foresee."""

MAX_LISTED = 5000
"""A folder with more names is not listed for a new one: that would take seconds."""


@dataclass(frozen=True, slots=True)
class NamePlace:
    """A folder in which a new name must not be there."""

    folder: Path

    suffixes: tuple[str, ...] = ()
    """The extensions of files whose names without them are taken, too."""

    extras: tuple[str, ...] = ()
    """Files whose names without an extension are not taken."""

    def list_names(self) -> list[str] | None:
        """Return the taken names; None: they are too many."""
        with paths.listing(self.folder) as entries:
            present = [entry.name for entry in islice(entries, MAX_LISTED + 1)]
        if len(present) > MAX_LISTED:
            return None
        files = (name for name in present if self.suffixes and name not in self.extras)
        return [*present, *(split_extension(name)[0] for name in files)]

    def has(self, name: str) -> bool:
        """Return whether exactly this name is taken."""
        return any(paths.exists(self.folder / (name + suffix)) for suffix in ("", *self.suffixes))


@dataclass(frozen=True, slots=True)
class TakenNames:
    """The names that a new one must differ from."""

    places: tuple[NamePlace, ...]

    more: tuple[str, ...] = ()

    @classmethod
    def in_folder(cls, folder: Path) -> "TakenNames":
        """Return the names in one folder."""
        return cls((NamePlace(folder),))

    def free(self, name: str) -> str:
        """Return ``name``, or else "name (2)", "name (3)" ...: the first that is free.

        Names that differ only in case or normal form count as equal, as in ``free_name``. In a
        folder with more than MAX_LISTED names only the same name counts, and after 20 numbers
        comes a suffix that nobody can foresee.
        """
        listed = [(place, place.list_names()) for place in self.places]
        crowded = [place for place, names in listed if names is None]
        used = {fold(each) for _, names in listed for each in names or ()}
        used |= {fold(each) for each in self.more}
        tries = NUMBERED_TRIES if crowded else None
        for candidate in islice(numbered_names(name), tries):
            if fold(candidate) not in used and not any(each.has(candidate) for each in crowded):
                return candidate
        return random_name(name)


def names_to_try(name: str, find_free: Callable[[str], str]) -> Iterator[str]:
    """Yield free names, each made from ``name``: numbered ones, then random ones. ``find_free``
    returns a name that is free now, made from the given one. Raises NameContested after the
    last one."""
    base = name if len(name.encode(errors="surrogateescape")) <= MAX_STEM_BYTES else safe_name(name)
    for _ in range(NUMBERED_TRIES):
        yield find_free(base)
    for _ in range(RANDOM_TRIES):
        yield random_name(base)
    raise NameContested(f"Somebody takes each name that {printable(name)} could get.")


def random_name(name: str) -> str:
    """Return ``name`` with a suffix that nobody can foresee, of 11 bytes."""
    return f"{name} ({secrets.token_hex(4)})"
