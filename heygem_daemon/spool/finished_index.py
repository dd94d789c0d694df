"""Finds the jobs that have ended by their names, also among a hundred thousand of them.

Each record is read once, the newest first and a few at a time: whoever asks for many names does not
keep the daemon.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from heygem_daemon.spool.batch.last_made import last_made
from heygem_daemon.spool.ended_item import EndedItem, describe_ended
from heygem_daemon.spool.job import FileIdentity
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.record_store import load_record, names_of_records
from heygem_daemon.spool.records import file_identity
from heygem_daemon.spool.requests import Request

T = TypeVar("T")


class FinishedIndex:
    """The ended jobs and batches of the spool with this layout, by their names."""

    def __init__(self, layout: SpoolLayout) -> None:
        self._layout = layout
        self._items: dict[str, EndedItem] = {}
        """By the name of the record."""
        self._by_key: defaultdict[str, set[str]] = defaultdict(set)
        self._by_first_key: defaultdict[str, set[str]] = defaultdict(set)
        self._by_inputs: defaultdict[frozenset[int], set[str]] = defaultdict(set)
        self._short: Counter[int] = Counter()
        """How many items have each of these files."""

    def has_file(self, status: os.stat_result) -> bool:
        """Return whether a short file with this lstat is one of an item that has ended, wherever
        somebody has moved it."""
        return file_identity(FileIdentity.of(status)) in self._short

    def update(self, limit: int, has_time: Callable[[], bool] = lambda: True) -> bool:
        """Read at most ``limit`` new records, the newest first, and no more as soon as ``has_time``
        is false: that of a large batch takes long. Return whether all are read."""
        names = set(names_of_records(self._layout))
        for name in self._items.keys() - names:
            self._forget(name)
        new = sorted(names - self._items.keys(), reverse=True)
        for number, name in enumerate(new):
            if number == limit or not has_time():
                return False
            self._read(name)
        return True

    def read_again(self, name: str) -> None:
        """Read a record anew that has been changed, or forget it if it is gone. ``name``: its name
        in .state/finished/."""
        self._forget(name)
        self._read(name)

    def find(self, request: Request, trusted: Collection[int]) -> list[EndedItem]:
        """Return what a request means and may act on, the oldest first."""
        return [each for each in self._named(request) if request.may_act_on(each.owner, trusted)]

    def knows(self, keys: Iterable[str]) -> bool:
        """Return whether something of one of these folded names has ended, whoever dropped it."""
        return any(key in self._by_key for key in keys)

    def find_last_dropped(self, request: Request, trusted: Collection[int]) -> EndedItem | None:
        """Return what ended last of all that was dropped under the request's name, whatever number
        it got, and that the request may act on."""
        names = {name for key in request.keys for name in self._by_first_key.get(key, ())}
        found = [
            each
            for each in map(self._items.__getitem__, names)
            if request.is_about(each.folder) and request.may_act_on(each.owner, trusted)
        ]
        return max(found, key=lambda each: (each.ended_at, each.record_name), default=None)

    def has_foreign(self, request: Request, trusted: Collection[int]) -> bool:
        """Return whether something has ended that a request names and may not act on."""
        return any(not request.may_act_on(each.owner, trusted) for each in self._named(request))

    def _named(self, request: Request) -> list[EndedItem]:
        """Return what has the request's name in the folder in which it lies, the oldest first."""
        names = {name for key in request.keys for name in self._by_key.get(key, ())}
        items = map(self._items.__getitem__, sorted(names))
        return [each for each in items if request.is_about(each.folder)]

    def find_last_of(self, item: EndedItem, asked: str) -> tuple[EndedItem, str]:
        """Return the last job or batch that was made from the files of ``item``, whose inputs it
        has, and its key: that one, or a retry of it. Whoever may act on the one may act on the
        other. ``asked``: the key of the item, or of one member of that batch."""
        names = {name for each in item.inputs.values() for name in self._by_inputs[each]}
        same = {
            name: each.inputs
            for name, each in ((name, self._items[name]) for name in names)
            if (each.kind == "batch", each.folder, each.owner)
            == (item.kind == "batch", item.folder, item.owner)
        }
        found = last_made({item.record_name: item.inputs, **same}, item.record_name, asked)
        return (item, asked) if found is None else (self._items[found[0]], found[1])

    def _read(self, name: str) -> None:
        # The record of a job whose last move is under way counts as soon as that is made.
        if (record := load_record(self._layout, name)) is not None:
            self._add(name, describe_ended(name, record))

    def _add(self, name: str, item: EndedItem) -> None:
        self._items[name] = item
        self._short.update(item.short)
        for inputs in item.inputs.values():
            self._by_inputs[inputs].add(name)
        for key in item.keys:
            self._by_key[key].add(name)
        self._by_first_key[item.first_key].add(name)

    def _forget(self, name: str) -> None:
        if (item := self._items.pop(name, None)) is None:
            return
        for each in item.short:
            self._short[each] -= 1
            if not self._short[each]:
                del self._short[each]
        for inputs in set(item.inputs.values()):
            _discard(self._by_inputs, inputs, name)
        for key in item.keys:
            _discard(self._by_key, key, name)
        _discard(self._by_first_key, item.first_key, name)


def _discard(names: dict[T, set[str]], key: T, name: str) -> None:
    """Remove a name from those of ``key``."""
    names[key].discard(name)
    if not names[key]:
        del names[key]
