"""Carries out requests: what users ask of jobs by dropping files into the inbox.

The file of a request stays until what it asks for is recorded, so that nothing is forgotten at a
crash. Then it is deleted, and the status says what became of it.
"""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.service.answers import Answers
from heygem_daemon.service.batches import BatchTracker
from heygem_daemon.service.claims import Claims
from heygem_daemon.service.decisions import Answer, decide_cancel, decide_hurry
from heygem_daemon.service.dispatch import Dispatcher
from heygem_daemon.service.item_faults import ItemFaults, is_environment_fault
from heygem_daemon.service.runtime import Clock
from heygem_daemon.service.targets import Target, TargetIndex, find_targets
from heygem_daemon.spool.names import fold
from heygem_daemon.spool.ownership import trusted_users, user_name
from heygem_daemon.spool.request_files import RequestFile, clear_request, find_requests
from heygem_daemon.spool.requests import in_turns, is_request, names_after
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system import paths

MAX_EXAMINED = 1000
"""How many files with the name of a request one look examines; the next one goes on there."""

MAX_REQUESTS = 200
"""How many requests are considered at once, of each owner in turn; the others wait."""

MAX_STEPS = 20
"""How many jobs one look ends, so that a batch of thousands does not hold the daemon."""

MAX_SHOWN = 50
"""How many requests the status lists."""


@dataclass(slots=True)
class _OpenRequest:
    """A request that is not answered yet."""

    found: RequestFile
    seen_at: float
    """Monotonic time at which it was first seen."""

    has_acted: bool = False
    """Whether something was cancelled or hurried for it."""

    waits_for: str = ""
    """What it waits for, as a sentence without its full stop."""


class Steering:
    """Looks for requests again and again, and carries them out one by one."""

    def __init__(
        self,
        spool: Spool,
        claims: Claims,
        dispatcher: Dispatcher,
        batches: BatchTracker,
        clock: Clock,
        faults: ItemFaults,
        answers: Answers,
    ) -> None:
        self._spool = spool
        self._claims = claims
        self._dispatcher = dispatcher
        self._batches = batches
        self._clock = clock
        self._faults = faults
        self._answers = answers
        self._open: dict[object, _OpenRequest] = {}
        self._last_name = ""
        """The name of the last file that was examined."""
        self._steps_left = MAX_STEPS
        self._trusted = trusted_users()

    def run(self, is_allowed: bool) -> None:
        """Carry out what can be carried out now. ``is_allowed``: whether files in the inbox are
        heeded. Raises the first fault after all were tried."""
        now = self._clock.monotonic()
        self._answers.forget_old(now)
        self._find(is_allowed, now)
        if not self._open:
            self._claims.hurry({})
            return
        self._steps_left = MAX_STEPS
        targets, faults = self._find_targets(), []
        hurried: dict[str, int] = {}
        for key, asked in list(self._open.items()):
            try:
                answer = self._carry_out(asked, targets, hurried, now)
                if answer is not None:
                    self._finish(key, asked, answer, now)
            except Exception as error:  # noqa: BLE001 - concerns this item alone
                if is_environment_fault(error):
                    faults.append(error)
                    continue
                shown = asked.found.request.shown
                reason = self._faults.log(f"the request {shown}", error)
                self._finish(key, asked, Answer(reason, is_refusal=True), now)
        self._claims.hurry(hurried)
        if faults:
            raise faults[0]

    @property
    def statuses(self) -> tuple[RequestStatus, ...]:
        """Return what the requests wait for that wait, and what became of the last ones."""
        waiting = (
            RequestStatus(
                name=each.found.request.shown,
                text=each.waits_for,
                at=each.found.request.asked_ns / 1e9,
            )
            for each in self._open.values()
            if each.waits_for
        )
        return tuple(islice(chain(waiting, self._answers.shown), MAX_SHOWN))

    def _find(self, is_allowed: bool, now: float) -> None:
        """Look which requests there are, and forget those that are gone."""
        names = [name for name in self._claims.snapshot.unsupported_files if is_request(name)]
        if not (is_allowed and names):
            self._open = {}
            return
        new = names_after(names, self._last_name, MAX_EXAMINED)
        self._last_name = new[-1]
        known = [each.found.path.name for each in self._open.values()]
        found = find_requests(self._spool.inbox, dict.fromkeys([*known, *new]))
        chosen = in_turns(found, lambda each: each.request.owner, MAX_REQUESTS)
        self._open = {
            each.key: self._open.get(each.key) or _OpenRequest(each, now) for each in chosen
        }

    def _find_targets(self) -> TargetIndex:
        requests = [each.found.request for each in self._open.values()]
        wanted = {key for request in requests for key in request.keys}
        return find_targets(
            wanted,
            self._claims.snapshot.entries,
            self._folder_owners(wanted),
            self._claims.view.ready,
            self._dispatcher.snapshot(),
            self._batches.dropped_names,
        )

    def _folder_owners(self, wanted: Collection[str]) -> Mapping[str, int]:
        """Return the owners of the folders in the inbox with one of the ``wanted`` folded names."""
        owners: dict[str, int] = {}
        for name in self._claims.snapshot.folders:
            if fold(name) in wanted:
                with contextlib.suppress(OSError):
                    owners[name] = paths.lstat(self._spool.inbox / name).st_uid
        return owners

    def _finish(self, key: object, asked: _OpenRequest, answer: Answer, now: float) -> None:
        clear_request(self._spool.files, asked.found)
        del self._open[key]
        self._answers.give(asked.found.request, answer, now, self._clock.wall())

    def _carry_out(
        self, asked: _OpenRequest, targets: TargetIndex, hurried: dict[str, int], now: float
    ) -> Answer | None:
        """Return what became of a request; None: it is not carried out yet."""
        request, has_acted = asked.found.request, asked.has_acted
        found = targets.of(request, self._trusted)
        if request.verb == "cancel":
            decision = decide_cancel(request, found, has_acted=has_acted)
            self._cancel(asked, decision.act_on, user_name(request.owner), now)
        else:
            seconds = now - asked.seen_at
            decision = decide_hurry(request, found, has_acted=has_acted, seconds=seconds)
            self._hurry(asked, decision.act_on, user_name(request.owner), hurried)
        asked.waits_for = decision.waits_for
        return decision.answer

    def _cancel(self, asked: _OpenRequest, targets: Sequence[Target], by: str, now: float) -> None:
        """Cancel as many of the targets as one look may. What is left, the next look finds."""
        steered = self._dispatcher.steered
        for target in targets:
            if self._steps_left <= 0:
                return
            self._steps_left -= 1
            if target.candidate is not None:
                for job in self._claims.claim_now(target.candidate, now):
                    asked.has_acted = True
                    steered.cancel_new(job, by)
            elif target.running is not None:
                asked.has_acted = True
                steered.cancel_running(target.running, by)
            elif target.queued is not None:
                asked.has_acted = True
                steered.cancel_queued(target.queued, by)

    def _hurry(
        self, asked: _OpenRequest, targets: Sequence[Target], by: str, hurried: dict[str, int]
    ) -> None:
        """Let the targets go first. ``hurried`` is for those that are still in the inbox."""
        asked_ns, batches = asked.found.request.asked_ns, set()
        for target in targets:
            asked.has_acted = True
            if target.candidate is not None:
                hurried[target.candidate.name] = asked_ns
            elif target.queued is not None:
                self._dispatcher.steered.hurry(target.queued, asked_ns, by)
                member = target.queued.job.journal.member
                batches |= {member.batch_id} if member else set()
        for batch_id in batches:
            self._batches.hurry(batch_id, asked_ns)
