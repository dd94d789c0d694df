"""The requests that delete ended jobs, as the spool keeps them over a restart of the daemon."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from heygem_daemon.service.answers import Answers
from heygem_daemon.service.decisions import Answer
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool import removals
from heygem_daemon.spool.asked import describe_request, is_open, request_of
from heygem_daemon.spool.files import is_folder
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.places import place_from
from heygem_daemon.spool.removals import Removal
from heygem_daemon.spool.request_files import RequestFile
from heygem_daemon.spool.requests import Request
from heygem_daemon.spool.spool import Spool


class Removals:
    """What is kept of each, from before its first deletion until it is answered."""

    def __init__(self, spool: Spool, answers: Answers, clock: Clock) -> None:
        self._spool = spool
        self._answers = answers
        self._clock = clock

    def begin(
        self, asked: RequestFile, records: Sequence[str], name: str, which: Sequence[str]
    ) -> Removal:
        """Keep what a request deletes. Raises OSError, UnreadableText."""
        removal = Removal(
            asked_by=describe_request(self._spool, asked, takes_options=False),
            records=tuple(records),
            name=name,
            which=tuple(which),
            begun_at=max(0.0, self._clock.wall()),
        )
        removals.save(self._spool, self._spool.files, asked, removal)
        return removal

    def find(self, asked: RequestFile) -> Removal | None:
        """Return what a request had begun to delete; None: nothing. Raises OSError,
        UnreadableText."""
        return removals.load(self._spool, asked)

    def clear(self) -> None:
        """Forget those whose requests are gone. One that was carried out, and that the daemon did
        not live to answer, is answered. Raises SpoolUnavailable, OSError."""
        files = self._spool.files
        for path, removal in removals.find_all(self._spool, files):
            asked = request_of(self._spool, removal.asked_by, "remove")
            if not is_open(asked):
                self._answer(asked, removal)
                files.remove_file(path)

    def _answer(self, asked: RequestFile, removal: Removal) -> None:
        """Answer a request that was carried out, unless that was done. One that its user has
        withdrawn gets no answer."""
        request = asked.request
        if self._answers.has_any(request, since=removal.begun_at):
            return
        if not self._spool.ended.is_left(removal.records, removal.name):
            text = "; ".join([is_deleted(request), *removal.which])
            now, wall = self._clock.monotonic(), self._clock.wall()
            self._answers.give(request, Answer(text), now, wall)


def is_deleted(request: Request) -> str:
    """Return what is said of a request of which an earlier try has deleted some or all."""
    name = printable(request.name.strip())
    return f"{name} is deleted"


def what_is_left(root: Path, left: Sequence[Path], folder: str | None) -> Iterator[str]:
    """Yield a clause on what stays where a job was deleted, since it is people's. ``folder``: the
    hot folder in whose inbox that was asked, empty for the plain one; None: by a command."""
    if not left:
        return
    place, first = place_from(root, left[0].parent, folder or ""), printable(left[0].name)
    if len(left) == 1:
        yield f"{first} in {place} was put there or changed later, and stays"
    else:
        count = len(left) - 1
        yield f"{first} in {place} and {count} more were put there or changed later, and stay"


def find_left_folder(layout: SpoolLayout, request: Request) -> str:
    """Return the place of the folder in failed/ of the name in a request, for people; empty: there
    is none. Where no record has that name, only people have something in it."""
    folder, steps = request.folder or "", request.name.strip().split("/")
    path = layout.in_folder(folder).failed.joinpath(*steps)
    if {"", ".", ".."}.isdisjoint(steps) and is_folder(path):
        return place_from(layout.root, path, folder)
    return ""
