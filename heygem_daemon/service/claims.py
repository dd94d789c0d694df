"""Claims pairs and batches from the inboxes, as many as can start soon."""

from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import ClaimFailed
from heygem_daemon.events.jobs import BatchClaimed, BatchFileIgnored, JobClaimed, MoreFilesIgnored
from heygem_daemon.service.batches import BatchTracker
from heygem_daemon.service.candidates import Candidate, find_frontrunners, versions_of
from heygem_daemon.service.dispatch import Dispatcher
from heygem_daemon.service.inbox_view import InboxView
from heygem_daemon.service.inboxes import Inboxes
from heygem_daemon.service.item_faults import is_environment_fault
from heygem_daemon.service.notices import unusable_reason
from heygem_daemon.service.runtime import Dependencies
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.files import is_file
from heygem_daemon.spool.formats import is_photograph
from heygem_daemon.spool.inbox import FolderSnapshot
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.names import is_sidecar, printable
from heygem_daemon.spool.ownership import user_name
from heygem_daemon.spool.spool import Spool

MAX_LOGGED_FILES = 20
"""How many files of a batch of which nothing is made are logged one by one."""

CLAIM_AHEAD_JOBS = 1
"""Jobs that are claimed beyond those for which there are devices. The rest stays in the inbox,
where users see it. A batch is claimed as a whole."""

MAX_FAULTS = 5
"""How many candidates are tried in one round where the disk or share fails."""

MAX_MISSED = 5
"""How many candidates of one owner are tried in vain in one round. Who touches his files all the
time would keep everybody else waiting."""


class Claims:
    """Scans the inboxes, and claims what has room in the queue."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        dispatcher: Dispatcher,
        batches: BatchTracker,
        dependencies: Dependencies,
    ) -> None:
        self._spool = spool
        self._inboxes = Inboxes(spool, settings, dependencies)
        self._dispatcher = dispatcher
        self._batches = batches
        self._max_batch_members = settings.max_batch_members
        self._faults = dependencies.faults
        self._log = dependencies.job_log
        self._has_bug = False
        self.view = InboxView()
        """What the last scan found, without what was claimed since."""
        self._frontrunners: list[Candidate] = []
        """The candidates of the view that may be among the next jobs."""

    def apply(self, settings: Settings) -> None:
        """Follow changed settings."""
        self._max_batch_members = settings.max_batch_members
        self._inboxes.apply(settings)

    def scan(self, now: float) -> None:
        """Scan the inboxes at monotonic time ``now``. Raises SpoolUnavailable."""
        self.view = self._inboxes.scan(now)
        self._dispatcher.record_owners(self.view.ready)
        self._find_frontrunners()

    def claim(self, now: float) -> None:
        """Claim what has room at monotonic time ``now``. Raises the first fault after others were
        tried: SpoolUnavailable, OSError."""
        faults: list[Exception] = []
        missed: Counter[str] = Counter()
        while len(faults) < MAX_FAULTS and (candidate := self._find_next(missed)) is not None:
            try:
                missed[candidate.key.owner] += not self.claim_now(candidate, now)
            except Exception as error:  # noqa: BLE001 - the others are tried
                faults.append(error)
        if faults:
            raise faults[0]

    def claim_now(self, candidate: Candidate, now: float) -> list[Job]:
        """Claim a candidate, whether or not its turn has come. Return its jobs, which are queued;
        empty: it cannot be claimed. Raises SpoolUnavailable, OSError."""
        versions, jobs = versions_of(candidate), []
        try:
            jobs = self._claim_if_unchanged(candidate, now)
        except ClaimFailed as failure:
            self._inboxes.record_claim_failure(candidate, str(failure), now)
            self.view = self.view.to_settle()
        except Exception as error:
            if is_environment_fault(error):
                raise
            reason = self._faults.log(f"inbox/{candidate.title}", error)
            self._inboxes.set_aside(candidate, versions, reason)
            self._has_bug = True
        finally:
            self._forget(candidate)
        return jobs

    def hurry(self, names: Mapping[str, int], files: Container[Path] = ()) -> None:
        """Let the candidates with these titles go first in their lines at once, and from the next
        scan on no others. The values are when that was asked, nanoseconds since the epoch.
        ``files``: files and folders that are examined before others."""
        self._inboxes.hurry(names, files)
        if names:
            ready = self._inboxes.hurry_at_once(self.view.ready, names)
            self.view = replace(self.view, ready=ready)
            self._find_frontrunners()

    def find_incomplete(self, names: Collection[str]) -> list[Candidate]:
        """Return what the last scan found under these names that cannot start unless somebody acts,
        but can be cancelled. ``names``: folded, with that of the hot folder and a slash before."""
        return self._inboxes.find_incomplete(names)

    @property
    def snapshots(self) -> Mapping[str, FolderSnapshot]:
        """What the last scan found in each inbox, by its hot folder; empty: the plain inbox."""
        return self._inboxes.snapshots

    def take_bug(self) -> bool:
        """Return whether a bug may have left a claim half done since the last call."""
        had_bug, self._has_bug = self._has_bug, False
        return had_bug

    def _find_next(self, missed: Counter[str]) -> Candidate | None:
        """Return the first candidate that would be among the next jobs; None: there is no room.
        ``missed``: how many of each owner were tried in vain; who has too many is passed over.

        What waits for room on the disk takes no place of the others: as many of those are claimed
        besides, and the rest of them stays in the inbox.
        """
        if not self._frontrunners:
            return None
        places = {True: self._soon, False: self._soon}
        for each in self._dispatcher.in_turn_with(self._frontrunners):
            if isinstance(each, Candidate) and (
                missed[each.key.owner] >= MAX_MISSED or self._dispatcher.awaits_weights(each)
            ):
                continue
            can_start = self._dispatcher.can_start_soon(each)
            if isinstance(each, Candidate) and places[can_start] > 0:
                return each
            places[can_start] -= 1
            if places[True] <= 0:
                break
        return None

    def _find_frontrunners(self) -> None:
        self._frontrunners = find_frontrunners(
            self.view.ready, self._soon, self._dispatcher.can_start_soon
        )

    @property
    def _soon(self) -> int:
        """How many of the next jobs are claimed."""
        return self._dispatcher.capacity + CLAIM_AHEAD_JOBS

    def _forget(self, candidate: Candidate) -> None:
        """Take a candidate out of the view. Another one of its owner follows it at once: short jobs
        would wait for the next scan."""
        self.view = self.view.without(candidate)
        self._find_frontrunners()

    def _claim_if_unchanged(self, candidate: Candidate, now: float) -> list[Job]:
        """Claim a candidate, unless it has changed: the last scan may be a minute old. Only this
        candidate is looked at again; a scan before each claim would take all of the time beside ten
        thousand files."""
        found = self._inboxes.look_again(candidate, now)
        if found is None:
            self.view = self.view.to_settle()
            return []
        return self._claim_candidate(found)

    def _claim_candidate(self, candidate: Candidate) -> list[Job]:
        hurried_ns = candidate.hurried_ns
        if isinstance(candidate.source, Path):
            batch = self._spool.batches.claim(
                candidate.source,
                self._max_batch_members,
                candidate.answers,
                candidate.find_content,
                candidate.hot_folder,
            )
            if hurried_ns is not None:
                batch = self._spool.batches.hurry(batch, hurried_ns)
            self._batches.add([batch])
            jobs = self._spool.batches.pending_jobs(batch)
            claimed = BatchClaimed(batch.journal.description, *_dropper(batch.journal.owner))
            self._log.log_batch(claimed, batch)
            self._log_ignored_files(batch)
        else:
            source, answers = candidate.source, candidate.answers
            job = self._spool.claim(source, answers, candidate.hot_folder)
            self._log.log(JobClaimed(*_dropper(job.journal.owner)), job)
            jobs = [job if hurried_ns is None else self._spool.hurry(job, hurried_ns)[0]]
        self._dispatcher.enqueue(jobs)
        return jobs

    def _log_ignored_files(self, batch: Batch) -> None:
        """Log the files of a batch of which nothing is made; of many only the first ones."""
        ignored = list(islice(_ignored_files(batch), MAX_LOGGED_FILES + 1))
        for event, level in ignored[:MAX_LOGGED_FILES]:
            self._log.log_batch(event, batch, level=level)
        if len(ignored) > MAX_LOGGED_FILES:
            more = MoreFilesIgnored(len(batch.journal.unsupported_files))
            self._log.log_batch(more, batch)


def _ignored_files(batch: Batch) -> Iterator[tuple[BatchFileIgnored, str]]:
    for name in batch.journal.unsupported_files:
        if is_photograph(name):
            yield BatchFileIgnored(printable(name), "is a photograph among videos"), "INFO"
        elif is_sidecar(name) and is_file(batch.inputs / name):
            continue  # Somebody else's: the scan has said so.
        elif (reason := unusable_reason(name)) is not None:
            yield BatchFileIgnored(printable(name), reason), "WARNING"


def _dropper(owner: int | None) -> tuple[str, int] | tuple[()]:
    """Return name and user id of who dropped something; nothing where that is not known."""
    return () if owner is None else (user_name(owner), owner)
