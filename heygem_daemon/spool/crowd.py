"""What a scan takes in of a folder with too many names."""

import heapq
import os
import random
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class Crowd:
    """Admits those entries of a folder that are known, as they are listed. Of the others it keeps a
    sample."""

    def __init__(self, is_known: Callable[[str], bool], sampled: int) -> None:
        """``is_known``: whether entries of this name are admitted. Of the rest, ``sampled`` are
        kept."""
        self._is_known = is_known
        self._sampled = sampled
        self._rest: list[os.DirEntry[str]] = []
        self._count = 0
        """How many entries were not admitted."""

    def admits(self, item: os.DirEntry[str]) -> bool:
        """Return whether to take in an entry."""
        if self._is_known(item.name):
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
