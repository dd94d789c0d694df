"""Whose turn it is where work of several owners is done step by step."""

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

T = TypeVar("T")


class OwnerTurns:
    """Gives each owner who has anything to do as many steps as any other, whatever they have."""

    def __init__(self) -> None:
        self._served: dict[Hashable, float] = {}
        """The number of each owner's last step. Who is new goes before the one served last, and
        behind all others: new owners cannot pass an old one again and again."""
        self._steps = 0

    def choose(self, items: Iterable[T], owner_of: Callable[[T], Hashable]) -> T | None:
        """Return the first item of the owner who has waited longest, whose turn this was; None:
        there are no items."""
        firsts: dict[Hashable, T] = {}
        for each in items:
            firsts.setdefault(owner_of(each), each)
        self._served = {owner: self._served.get(owner, self._steps - 0.5) for owner in firsts}
        if not firsts:
            return None
        owner = min(firsts, key=self._served.__getitem__)
        self._steps += 1
        self._served[owner] = self._steps
        return firsts[owner]
