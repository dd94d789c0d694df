"""Keeps what ended last: of all, of each owner, and of each hot folder, whatever the others do. No
I/O."""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from heygem_daemon.report.finished import FinishedBatch, FinishedJob

T = TypeVar("T", FinishedJob, FinishedBatch)


class LastEnded(Generic[T]):
    """The last jobs, or the last batches, that ended, the newest first."""

    def __init__(self, limit: int, limit_of_folder: int) -> None:
        """``limit``: how many are kept of all, ``limit_of_folder``: of each hot folder."""
        self._all: deque[T] = deque(maxlen=limit)
        self._of_folders: defaultdict[str, deque[T]] = defaultdict(
            lambda: deque(maxlen=limit_of_folder)
        )

    def __iter__(self) -> Iterator[T]:
        return iter(self._all)

    def add(self, ended: T) -> None:
        """Add what has just ended. Of too many, the oldest goes of the owner who has most: who lets
        jobs fail by the thousand hides nobody else's.

        What had its place before is gone, and must not be taken for it: a name is only given again
        when somebody has deleted what had it."""
        for kept in (self._all, self._of_folders[ended.folder] if ended.folder else self._all):
            for each in [each for each in kept if ended.path and each.path == ended.path]:
                kept.remove(each)
        if len(self._all) == self._all.maxlen:
            counts = Counter(each.owner for each in self._all)
            counts[ended.owner] += 1
            del self._all[_last(self._all, max(counts, key=lambda owner: counts[owner]))]
        self._all.appendleft(ended)
        if ended.folder:
            self._of_folders[ended.folder].appendleft(ended)

    def recall(self, ended: Iterable[T]) -> None:
        """Add what ended before, in any order."""
        known = {each.id for each in self._all}
        known |= {each.id for kept in self._of_folders.values() for each in kept}
        new = sorted(
            (each for each in ended if each.id not in known), key=lambda each: -each.finished
        )
        for kept, found in self._places(new):
            # A full deque would drop the newest.
            kept.extend(found[: (kept.maxlen or 0) - len(kept)])

    def of_folder(self, name: str) -> tuple[T, ...]:
        """Return what ended last of a hot folder."""
        return tuple(self._of_folders.get(name, ()))

    def _places(self, ended: list[T]) -> Iterator[tuple[deque[T], list[T]]]:
        yield self._all, ended
        of_folders: defaultdict[str, list[T]] = defaultdict(list)
        for each in ended:
            of_folders[each.folder].append(each)
        for name, found in of_folders.items():
            if name:
                yield self._of_folders[name], found


def _last(ended: Iterable[FinishedJob | FinishedBatch], owner: str) -> int:
    """Return the place of the last one of an owner, who has one."""
    return max(place for place, each in enumerate(ended) if each.owner == owner)
