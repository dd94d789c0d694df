"""What a scan takes in of a folder with too many names."""

import heapq
import os
import random
from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class Crowd:
    """Admits the entries of a folder as they are listed: all that are known, and others as long as
    there is room. Of the rest it keeps a sample."""

    def __init__(self, known: Container[str], limit: int, sampled: int) -> None:
        """``known``: the names that are always admitted. Besides these, at most ``limit`` entries
        are admitted, and ``sampled`` are kept of the rest."""
        self._known = known
        self._room = limit
        self._sampled = sampled
        self._rest: list[os.DirEntry[str]] = []
        self._count = 0
        """How many entries were not admitted."""

    def admits(self, item: os.DirEntry[str]) -> bool:
        """Return whether to take in an entry."""
        if item.name in self._known:
            return True
        if self._room > 0:
            self._room -= 1
            return True
        self._count += 1
        if len(self._rest) < self._sampled:
            self._rest.append(item)
        elif (place := random.randrange(self._count)) < self._sampled:  # noqa: S311
            self._rest[place] = item
        return False

    @property
    def sample(self) -> Iterator[os.DirEntry[str]]:
        """The entries that are kept of the rest, each with the same chance. To be read after all
        entries were offered."""
        yield from self._rest

    @property
    def left_out(self) -> int:
        """How many entries are neither admitted nor in the sample."""
        return self._count - len(self._rest)


def first_of_each(
    items: Iterable[T],
    owner_of: Callable[[T], Hashable],
    order: Callable[[T], Any],
    limit: int,
) -> set[T]:
    """Return at most ``limit`` items: of each owner the first in ``order``, as many as of the
    others, or all where an owner has fewer."""
    lines: dict[Hashable, list[T]] = defaultdict(list)
    for each in items:
        lines[owner_of(each)].append(each)
    kept: set[T] = set()
    waiting = sorted(lines.values(), key=len)
    for number, line in enumerate(waiting):
        share = (limit - len(kept)) // (len(waiting) - number)
        kept.update(line if len(line) <= share else heapq.nsmallest(share, line, order))
    return kept
