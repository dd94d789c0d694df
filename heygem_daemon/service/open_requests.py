"""Which requests there are: in the inbox and from commands, a limited number of each owner, or of
each hot folder."""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.service.decisions import GRACE_SECONDS
from heygem_daemon.spool.command_requests import find_command_requests
from heygem_daemon.spool.inbox import FolderSnapshot
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.ownership import person_name
from heygem_daemon.spool.request_files import RequestFile, find_requests
from heygem_daemon.spool.request_names import is_request
from heygem_daemon.spool.requests import in_turns, names_after

MAX_EXAMINED = 1000
"""How many files with the name of a request one look examines; the next one goes on there."""

MAX_REQUESTS = 200
"""How many requests are considered at once, of each owner or hot folder in turn; the others
wait."""


@dataclass(slots=True)
class OpenRequest:
    """A request that is not answered yet."""

    found: RequestFile

    seen_at: float
    """Monotonic time at which it was first seen as it is."""

    has_acted: bool = False
    """Whether something was cancelled or hurried for it, or a retry was begun."""

    retried_at: float | None = None
    """Monotonic time at which an older request to try the same job again was last open; None: there
    was none."""

    is_acknowledged: bool = False
    """Whether the command that asks was told what its request waits for."""

    options: SidecarAnswer | None = None
    """What its file says of options; None: not read."""

    waits_for: str = ""
    """What it waits for, as a sentence without its full stop."""

    needs_person: bool = False
    """Whether that is somebody who corrects its file."""

    def follows_retry(self, retries: Iterable["OpenRequest"], now: float) -> bool:
        """Return whether its job is about to be in the inbox again at monotonic time ``now``, since
        its owner asked for that before. ``retries``: those that were open when this look began."""
        own = self.found.request
        older = (each.found.request for each in retries)
        if any(
            each.owner == own.owner and each.keys & own.keys and each.asked_ns < own.asked_ns
            for each in older
        ):
            self.retried_at = now
        return self.retried_at is not None and now - self.retried_at < GRACE_SECONDS


class OpenRequests:
    """The requests that are not answered yet."""

    def __init__(self, layout: SpoolLayout) -> None:
        self._layout = layout
        self._open: dict[object, OpenRequest] = {}
        self._last_names: dict[str, str] = {}
        """The name of the last file that was examined, by the hot folder of its inbox."""

    def __iter__(self) -> Iterator[OpenRequest]:
        return iter(list(self._open.values()))

    def find(self, snapshots: Mapping[str, FolderSnapshot], now: float) -> None:
        """Look which requests there are at monotonic time ``now``, and forget those that are gone.
        ``snapshots``: what was found in the inboxes whose requests are heeded, by hot folder; empty
        for the plain one. Raises OSError."""
        dropped = [each for item in snapshots.items() for each in self._find_dropped(*item)]
        dropped.sort(key=_order)
        chosen = in_turns(dropped, lambda each: each.request.line, MAX_REQUESTS)
        commands = find_command_requests(self._layout)[:MAX_REQUESTS]
        self._open = {
            each.key: self._open.get(each.key) or OpenRequest(each, now)
            for each in (*commands, *chosen)
        }

    def close(self, asked: OpenRequest) -> None:
        """Forget a request that is answered."""
        self._open.pop(asked.found.key, None)

    @property
    def waiting(self) -> Iterator[tuple[Hashable, RequestStatus]]:
        """What the requests wait for that wait, each with the line of its request."""
        for each in self:
            if each.waits_for:
                request = each.found.request
                status = RequestStatus(
                    name=request.shown,
                    folder=printable(request.folder or ""),
                    text=each.waits_for,
                    at=request.asked_ns / 1e9,
                    dropped_by=person_name(request.owner),
                    needs_person=each.needs_person,
                )
                yield request.line, status

    def _find_dropped(self, folder: str, snapshot: FolderSnapshot) -> list[RequestFile]:
        names = [name for name in snapshot.unsupported_files if is_request(name)]
        if not names:
            return []
        new = names_after(names, self._last_names.get(folder, ""), MAX_EXAMINED)
        self._last_names[folder] = new[-1]
        inbox = self._layout.in_folder(folder).inbox
        known = [each.found.path.name for each in self if each.found.request.folder == folder]
        return find_requests(inbox, dict.fromkeys([*known, *new]), folder)


def _order(found: RequestFile) -> float:
    """Return a sort key: of requests to hurry the newest first, which the others add nothing to."""
    return -found.request.asked_ns if found.request.verb == "hurry" else -math.inf
