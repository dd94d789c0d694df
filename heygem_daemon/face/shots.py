"""A video as a row of shots, each handed on in blocks of few pictures."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from heygem_daemon.face.cuts import mark_cuts
from heygem_daemon.media.picture import Picture

BLOCK = 8
"""Pictures in a block: few, since all are held in memory."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive pictures of one shot; ``first``: the number of the first one in its shot."""

    pictures: tuple[Picture, ...]
    first: int

    @property
    def opens_shot(self) -> bool:
        """Whether the shot begins here."""
        return self.first == 0


def blocks(pictures: Iterable[Picture], size: int = BLOCK) -> Iterator[Block]:
    """The pictures in blocks, none of which reaches over a cut."""
    waiting: list[Picture] = []
    first = 0
    for seen in mark_cuts(pictures):
        if waiting and (seen.cut or len(waiting) == size):
            yield Block(tuple(waiting), first)
            first = 0 if seen.cut else first + len(waiting)
            waiting = []
        waiting.append(seen.picture)
    if waiting:
        yield Block(tuple(waiting), first)
