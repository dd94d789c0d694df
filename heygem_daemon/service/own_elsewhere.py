"""Where somebody's own job is who named one in a request on which it may not act."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from heygem_daemon.service.decisions import Answer
from heygem_daemon.service.ended_requests import EndedRequests
from heygem_daemon.service.targets import TargetIndex
from heygem_daemon.spool.names import fold, printable
from heygem_daemon.spool.ownership import person_name
from heygem_daemon.spool.places import place_in_shares
from heygem_daemon.spool.requests import Request, full_name


class OwnElsewhere:
    """Adds to the answer that there is no such job what else the person who asks has dropped under
    that name: it is called otherwise, or is in another inbox."""

    def __init__(self, ended: EndedRequests, trusted: Collection[int]) -> None:
        self._ended = ended
        self._trusted = trusted

    def complete(
        self, request: Request, answer: Answer, targets: TargetIndex, folders: Iterable[str]
    ) -> Answer:
        """Return the answer to a request with what belongs to it. ``folders``: the hot folders, and
        the empty name for the plain inbox."""
        if not answer.names_nothing:
            return answer
        more = [*self._another_name(request), *self._another_inbox(request, targets, folders)]
        return replace(answer, text="; ".join([answer.text, *more]))

    def _another_name(self, request: Request) -> Iterator[str]:
        """Yield a clause on what has ended under another name: of retry and remove the answer says
        that itself."""
        is_about_open = request.verb in ("cancel", "hurry") and request.folder is not None
        if is_about_open and (other := printable(self._ended.find_other_name(request))):
            name = printable(request.name.strip())
            yield f"what you dropped as {name} has ended, and is called {other}"

    def _another_inbox(
        self, request: Request, targets: TargetIndex, folders: Iterable[str]
    ) -> Iterator[str]:
        """Yield a clause on a job of that name and of that person in another inbox. Where all
        people have one user id, nobody learns what another one's folder holds."""
        if request.folder is None or not person_name(request.owner):
            return
        names = replace(request, folder="").keys
        for folder in sorted({*folders} - {request.folder}):
            keys = {full_name(fold(folder), each) for each in names}
            if self._has_own(replace(request, folder=folder), keys, targets):
                name = printable(request.name.strip())
                place = place_in_shares("inbox", folder)
                yield f"yours is in another folder: put {name}.{request.verb} into {place}"
                return

    def _has_own(self, request: Request, keys: Collection[str], targets: TargetIndex) -> bool:
        if targets.knows(keys) and targets.of(request, self._trusted):
            return True
        return self._ended.knows(keys) and bool(self._ended.find(request))
