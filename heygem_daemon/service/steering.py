"""Carries out requests: what users ask of jobs by files in the inbox, and by commands.

The file of a request stays until what it asks for is recorded, so that nothing is forgotten at a
crash. Then it is deleted, and the status says what became of it.
"""

import contextlib
import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import ClaimFailed
from heygem_daemon.events.requests import JobCancelled, LateSidecarTaken
from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.service.answer_memory import AnswerMemory
from heygem_daemon.service.answers import Answers
from heygem_daemon.service.batches import BatchTracker
from heygem_daemon.service.claims import Claims
from heygem_daemon.service.decisions import (
    DISK_AWAITED,
    NOT_EMPTY,
    Answer,
    already_ended,
    decide_cancel,
    decide_hurry,
    part_of,
)
from heygem_daemon.service.dispatch import Dispatcher
from heygem_daemon.service.ended_requests import EndedRequests, Namesakes
from heygem_daemon.service.failure_reasons import Canceller
from heygem_daemon.service.hurries import Hurries
from heygem_daemon.service.item_faults import is_environment_fault
from heygem_daemon.service.late_sidecars import find_late_sidecars
from heygem_daemon.service.look_budget import LookBudget
from heygem_daemon.service.open_requests import OpenRequest, OpenRequests
from heygem_daemon.service.own_elsewhere import OwnElsewhere
from heygem_daemon.service.removals import Removals
from heygem_daemon.service.retry_options import RetryOptions
from heygem_daemon.service.returns import Returns
from heygem_daemon.service.running_jobs import job_logger
from heygem_daemon.service.runtime import Dependencies
from heygem_daemon.service.target_search import TargetSearch
from heygem_daemon.service.targets import Target, TargetIndex
from heygem_daemon.spool.asked import clear_any, is_open
from heygem_daemon.spool.command_requests import CommandAnswer, answer_command
from heygem_daemon.spool.deciders import deciders
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.ownership import user_name
from heygem_daemon.spool.requests import Request, in_turns
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.os_errors import describe_cause

RECOVERY_SECONDS = 600.0
"""How long a retry that was interrupted waits until what it had moved is in the inbox."""

ANSWER_SECONDS = 30.0
"""A command that has asked for something gets an answer after so long: if it is not done yet, the
answer says what it waits for."""


class Steering:
    """Looks for requests again and again, and carries them out one by one."""

    def __init__(
        self,
        spool: Spool,
        claims: Claims,
        dispatcher: Dispatcher,
        batches: BatchTracker,
        dependencies: Dependencies,
        answers: Answers,
        returns: Returns,
    ) -> None:
        self._spool = spool
        self._claims = claims
        self._dispatcher = dispatcher
        self._batches = batches
        self._clock = dependencies.clock
        self._faults = dependencies.faults
        self._answers = answers
        self._memory = AnswerMemory(spool, answers, self._clock)
        self._trusted = deciders()
        self._requests = OpenRequests(spool)
        self._returns = returns
        self._removals = Removals(spool, answers, self._clock)
        self._ended = EndedRequests(spool, self._trusted, returns, self._removals)
        self._own = OwnElsewhere(self._ended, self._trusted)
        self._search = TargetSearch(spool, claims, dispatcher, batches)
        self._options = RetryOptions(claims, self._ended, dependencies.read_sidecar)
        self._budget = LookBudget(self._clock)
        self._first: object = None
        """The key of the request with which the next look begins; None: with any."""
        self._has_bug = False
        self._hurried: dict[str, int] = {}
        """When somebody asked that a file or folder in an inbox goes first, by its title."""
        self._urgent: set[Path] = set()
        """The files and folders that are examined before others."""

    def run(self, settings: Settings) -> None:
        """Carry out what can be carried out now. Raises the first fault after all were tried."""
        now = self._clock.monotonic()
        self._answers.forget_old(now)
        self._answers.log.summarise(now)
        self._requests.find(self._claims.snapshots if settings.share_requests else {}, now)
        self._budget = LookBudget(self._clock)
        asked = _in_order(list(self._requests), self._first)
        self._first = None
        self._ended.forget_all_but({each.found.key for each in asked})
        if asked:
            self._ended.update(self._clock)
        requests = [each.found.request for each in asked]
        wanted = {k for e in requests for k in e.keys | e.plain.keys | e.unnumbered.keys}
        targets = self._search.find(wanted) if asked else TargetIndex()
        for each in asked:
            self._read_plainly(each, targets)
        steered, log = self._dispatcher.steered, self._answers.log
        hurries = Hurries(steered, self._batches, log, self._budget, now)
        retries = [each for each in asked if each.found.request.verb == "retry"]
        faults: list[Exception] = []
        is_cut_short = False
        for each in asked:
            if self._first is None and not self._budget.is_left():
                self._first = each.found.key
            if not self._budget.has_time():
                is_cut_short = True
                break
            try:
                answer = self._carry_out(each, targets, hurries, retries, now, settings)
                if answer is not None:
                    request, inboxes = each.found.request, self._claims.snapshots
                    self._finish(each, self._own.complete(request, answer, targets, inboxes), now)
                else:
                    self._acknowledge(each, now)
            except Exception as error:  # noqa: BLE001 - concerns this item alone
                if is_environment_fault(error):
                    self._wait_for_disk(each, error, now)
                    faults.append(error)
                    continue
                self._has_bug = True
                reason = self._faults.log(f"the request {each.found.request.shown}", error)
                self._finish(each, Answer(reason.removesuffix("."), is_refusal=True), now)
        # What this look had no time for stays as it was.
        self._hurried = {**(self._hurried if is_cut_short else {}), **hurries.candidates}
        self._urgent = hurries.files | (self._urgent if is_cut_short else set())
        self._memory.save()
        self._removals.clear()
        self._claims.hurry(self._hurried, self._urgent)
        self._take_late_sidecars({key for each in asked for key in each.found.request.keys})
        if faults:
            raise faults[0]

    @property
    def statuses(self) -> tuple[RequestStatus, ...]:
        """What the requests wait for that wait, and what became of the last ones."""
        return self._answers.shown(chain(self._requests.waiting, self._returns.waiting))

    def take_bug(self) -> bool:
        """Return whether something may have left a request half carried out since the last call."""
        had_bug, self._has_bug = self._has_bug, False
        return had_bug

    def _take_late_sidecars(self, asked: Collection[str]) -> None:
        """Give the sidecars that came after the claim to their jobs. ``asked``: the names of jobs
        that requests are about: a sidecar beside a retry is for that one. Raises SpoolUnavailable,
        OSError."""
        lone = [each for each in self._claims.view.lone_sidecars if each.key not in asked]
        queued = self._dispatcher.queued_jobs if lone else ()
        budget = LookBudget(self._clock)
        for late, sidecar in find_late_sidecars(lone, queued, self._trusted):
            if not budget.is_left():
                return
            budget.spend()
            with contextlib.suppress(ClaimFailed):
                self._dispatcher.steered.take_sidecar(late, sidecar)
                taken = LateSidecarTaken(printable(sidecar.entry.path.name))
                by = user_name(sidecar.entry.owner)
                self._answers.log.log(taken, by, self._clock.monotonic(), job_logger(late.job))

    def _read_plainly(self, asked: OpenRequest, targets: TargetIndex) -> None:
        """Take full-width letters in a request's name for plain ones, where only then it means
        something."""
        request, plain = asked.found.request, asked.found.request.plain
        is_other = plain.keys != request.keys
        if is_other and self._means(plain, targets) and not self._means(request, targets):
            asked.found = replace(asked.found, request=plain)

    def _means(self, request: Request, targets: TargetIndex) -> bool:
        return bool(targets.of(request, self._trusted) or self._ended.find(request))

    def _wait_for_disk(self, asked: OpenRequest, error: Exception, now: float) -> None:
        cause = describe_cause(error, self._spool.root)
        asked.waits_for = ": ".join(filter(None, (DISK_AWAITED, cause)))
        with contextlib.suppress(OSError):
            if not is_open(asked.found):  # The recovery completes its retry, and answers it.
                waits = Answer(asked.waits_for)
                self._answers.give(asked.found.request, waits, now, self._clock.wall())

    def _finish(self, asked: OpenRequest, answer: Answer, now: float) -> None:
        found, files = asked.found, self._spool.files
        if found.is_command and not asked.is_acknowledged:
            told = CommandAnswer(text=answer.text, is_refusal=answer.is_refusal)
            answer_command(self._spool, files, found, told)
        clear_any(files, found)
        self._requests.close(asked)
        self._answers.give(found.request, answer, now, self._clock.wall())

    def _acknowledge(self, asked: OpenRequest, now: float) -> None:
        """Tell a command what its request waits for, where that may take long."""
        is_soon = asked.found.request.verb != "hurry" and now - asked.seen_at < ANSWER_SECONDS
        if asked.found.is_command and asked.waits_for and not (is_soon or asked.is_acknowledged):
            answer = CommandAnswer(text=asked.waits_for)
            answer_command(self._spool, self._spool.files, asked.found, answer)
            asked.is_acknowledged = True

    def _carry_out(
        self,
        asked: OpenRequest,
        targets: TargetIndex,
        hurries: Hurries,
        retries: Collection[OpenRequest],
        now: float,
        settings: Settings,
    ) -> Answer | None:
        """Return what became of a request; None: it is not carried out yet."""
        request, has_acted = asked.found.request, asked.has_acted
        doubt = NOT_EMPTY if request.has_content else self._ended.find_doubt(asked.found)
        if doubt is not None:
            asked.waits_for = doubt
            return None
        found, seconds = targets.of(request, self._trusted), now - asked.seen_at
        has_foreign = targets.has_foreign(request, self._trusted)
        if request.verb in ("retry", "remove"):
            will_be_numbered = not found and bool(targets.of(request.unnumbered, self._trusted))
            others = Namesakes(bool(found), has_foreign, will_be_numbered=will_be_numbered)
            return self._act_on_ended(asked, found, seconds, settings.settle_seconds, others)
        if self._returns.is_about(request):
            asked.retried_at = now
        if not found and not has_acted and asked.follows_retry(retries, now):
            name = printable(request.name.strip())
            asked.waits_for = f"{name} is tried again first"
            return None
        if not (found or has_acted) and (instead := self._find_instead(request, targets)):
            return instead
        hurries.files |= {each.path for each in found if each.path is not None}
        if request.verb == "cancel":
            decision = decide_cancel(
                request,
                found,
                has_acted=has_acted,
                has_foreign=has_foreign,
                ended_as=self._ended.find_other_name(request) if has_acted else "",
            )
            self._cancel(asked, decision.act_on, now)
        else:
            # What a command names is there already.
            seconds = math.inf if asked.found.is_command else seconds
            decision = decide_hurry(
                request, found, has_acted=has_acted, seconds=seconds, has_foreign=has_foreign
            )
            asked.has_acted = has_acted or bool(decision.act_on)
            by = user_name(request.owner)
            if not hurries.carry_out(decision.act_on, request.asked_ns, by):
                asked.waits_for = decision.waits_for
                return None
        asked.waits_for = decision.waits_for
        return decision.answer

    def _find_instead(self, request: Request, targets: TargetIndex) -> Answer | None:
        """Return the answer where a request to cancel or hurry names what has ended, or a part of a
        batch; None: neither."""
        if ended := self._ended.find(request):
            return already_ended(request, has_failed=ended[-1].kind == "failed")
        batch = targets.batch_of(request, self._trusted)
        return part_of(request, batch) if batch else None

    def _act_on_ended(
        self,
        asked: OpenRequest,
        found: Sequence[Target],
        seconds: float,
        quiet: float,
        others: Namesakes,
    ) -> Answer | None:
        if not self._budget.is_left():
            return None
        request, name = asked.found.request, printable(asked.found.request.name.strip())
        # The options in a retry may still be on their way.
        retries_any = request.verb == "retry" and bool(self._ended.find(request))
        if retries_any and not asked.found.is_command and seconds < quiet:
            asked.waits_for = f"{name} is tried again in a moment"
            return None
        options = self._options.find(asked, found) if retries_any else None
        asked.needs_person = isinstance(options, str) and options != ""
        if isinstance(options, str):
            asked.waits_for = options or f"{name} is tried again in a moment"
            return None
        self._budget.spend()
        is_active, budget = others.is_active, self._budget
        if request.verb == "retry":
            was_interrupted, asked.has_acted = asked.has_acted, asked.has_acted or not is_active
            may_wait = is_active or seconds < ANSWER_SECONDS
            others = replace(others, may_wait=may_wait)
            decision = self._ended.retry(asked.found, options, budget, others)
            is_refused = decision.answer is not None and decision.answer.is_refusal
            if was_interrupted and is_refused and seconds < RECOVERY_SECONDS:
                return None
            asked.has_acted = False
        else:
            decision = self._ended.remove(asked.found, budget, others)
        asked.waits_for = decision.waits_for
        return decision.answer

    def _cancel(self, asked: OpenRequest, targets: Sequence[Target], now: float) -> None:
        """Cancel as many of the targets as one look may. What is left, the next look finds."""
        request, steered = asked.found.request, self._dispatcher.steered
        by = Canceller(user_name(request.owner), request.shown)
        for target in targets:
            if not self._budget.is_left():
                return
            self._budget.spend()
            if target.candidate is not None:
                for job in self._claims.claim_now(target.candidate, now):
                    asked.has_acted = True
                    if self._budget.is_left():  # The rest wait in the queue for the next look.
                        self._budget.spend()
                        steered.cancel_new(job, by)
                        self._log_cancelled(job, by, now)
            elif target.running is not None:
                asked.has_acted = True
                steered.cancel_running(target.running, by, now)
            elif target.queued is not None:
                asked.has_acted = True
                steered.cancel_queued(target.queued, by)
                self._log_cancelled(target.queued.job, by, now)

    def _log_cancelled(self, job: Job, by: Canceller, now: float) -> None:
        """Log it, as long as it is not one of very many."""
        self._answers.log.log(JobCancelled(by.user), by.user, now, job_logger(job))


def _in_order(asked: list[OpenRequest], key: object) -> list[OpenRequest]:
    """Return the requests in the order of their turns: of each owner in turn, and beginning with
    the one with this key, if there is such a one."""
    start = next((number for number, each in enumerate(asked) if each.found.key == key), 0)
    rotated = [*asked[start:], *asked[:start]]
    return in_turns(rotated, lambda each: each.found.request.line, len(rotated))
