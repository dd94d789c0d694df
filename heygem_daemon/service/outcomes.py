"""Records how each attempt ended: the job is published, failed, or put back into the queue."""

from collections.abc import Callable, Mapping
from pathlib import Path

from heygem_daemon.errors import EnvironmentFault
from heygem_daemon.events.jobs import (
    AttemptFailed,
    JobDropped,
    JobFailed,
    JobInterrupted,
    JobPublished,
    JobTriedElsewhere,
    JobWaits,
    JobWaitsAfterCrash,
    OutcomeDelayed,
    ResultUnsigned,
    ResultWarning,
)
from heygem_daemon.events.requests import JobCancelled
from heygem_daemon.protocol import Deferred, Paused, Refused, Rendered
from heygem_daemon.report.failure_kind import FailureKind
from heygem_daemon.report.result import (
    JobHistory,
    read_report,
    speed_of,
    warnings_of,
    with_evidence,
    with_history,
    with_translations,
)
from heygem_daemon.service.failure_reasons import (
    CANCELLED_REMEDY,
    CRASH_REMEDY,
    FAILS_ALONE_REASON,
    FAILS_ALONE_REMEDY,
    PAUSED,
    Canceller,
    exhaustion_reason,
    exhaustion_remedy,
)
from heygem_daemon.service.fault_pauses import pause_after_device_fault
from heygem_daemon.service.gpu_monitor import gpu_evidence
from heygem_daemon.service.item_faults import failure_kind, remedy_for
from heygem_daemon.service.outputs import ForeignOutput, check_outputs
from heygem_daemon.service.queue import Queue, backoff_seconds
from heygem_daemon.service.running_jobs import (
    EndedAttempt,
    RunningJob,
    attempt_error,
    deferral_reason,
    job_logger,
    traceback_of,
    with_users_names,
)
from heygem_daemon.service.runtime import Dependencies
from heygem_daemon.service.signing import ResultSigner, SigningFault
from heygem_daemon.service.tally import Tally, describe_finished
from heygem_daemon.spool.attempt_count import has_all
from heygem_daemon.spool.job import Job, Journal
from heygem_daemon.spool.ownership import user_name
from heygem_daemon.spool.spool import Spool

MAX_WRITE_RETRY_SECONDS = 30.0
"""The longest pause between two tries to record an outcome in the spool. It is short because a try
is cheap, and somebody waits for the result."""

MIN_FAULTS_IN_A_ROW = 6
"""From this many faults in a row on (five minutes of pauses), memory that runs out or a GPU that
fails may be the job's own fault. See MIN_OTHERS_PUBLISHED."""

MIN_OTHERS_PUBLISHED = 3
"""It counts as the job's own fault if this many other jobs were published meanwhile."""

MAX_BUGS = 3
"""After so many bugs in recording an outcome the job fails; after twice as many it is set aside."""


class JobOutcomes:
    """Records the outcomes of attempts in the spool. An outcome that the spool cannot take now
    (full disk, lost share) is kept and tried again. No verdict is ever dropped."""

    def __init__(
        self,
        spool: Spool,
        queue: Queue,
        max_attempts: int,
        signer: ResultSigner,
        tally: Tally,
        dependencies: Dependencies,
        on_end: Callable[[Job], None] = lambda _job: None,
    ) -> None:
        """``on_end`` is called with each job that is published or failed."""
        self._spool = spool
        self._queue = queue
        self._max_attempts = max_attempts
        self._clock, self._log = dependencies.clock, dependencies.job_log
        self.faults = dependencies.faults
        """Turns what single items raise into reasons."""
        self._signer = signer
        self.tally = tally
        """The counts of what became of jobs and attempts."""
        self._on_end = on_end
        self._published_before: dict[str, int] = {}
        """How many jobs were published when a job first ran out of memory, or a GPU first failed
        under it, by the job's id."""
        self.pending: list[EndedAttempt] = []
        """Attempts whose outcome is not recorded yet."""

    def allow_attempts(self, count: int) -> None:
        """Change how many attempts a job has."""
        self._max_attempts = count

    def add(self, ended: EndedAttempt) -> None:
        """Add an attempt that is over."""
        self.tally.attempts[type(ended.verdict).__name__.lower()] += 1
        self.pending.append(ended)

    @property
    def pausing(self) -> list[RunningJob]:
        """The jobs that have just paused, and are not in the queue again yet."""
        paused = [each.running for each in self.pending if isinstance(each.verdict, Paused)]
        return [each for each in paused if each.is_pausing and each.cancelled_by is None]

    def settle(self) -> None:
        """Record the outcomes that are due, and log how many lines were left out."""
        self._log.summarise()
        self.faults.summarise()
        now = self._clock.monotonic()
        for ended in [each for each in self.pending if each.retry_at <= now]:
            try:
                if ended.running.cancelled_by is None and not self._signer.is_done(ended):
                    continue
                self._apply_verdict(ended, now)
            except (EnvironmentFault, OSError) as fault:
                if not self._spool.is_lost(ended.running.job):
                    self._postpone(ended, fault, now)
                    continue
                self.drop(ended.running.job)
            except Exception as error:  # noqa: BLE001 - concerns this item alone
                if not self._give_up(ended, error, now):
                    continue
            self.pending.remove(ended)

    def is_exhausted(self, job: Job) -> bool:
        """Return whether ``job`` has had all its attempts, the last one without progress."""
        return has_all(job.journal, self._max_attempts) and not self._spool.has_progressed(job)

    def fail_exhausted(self, job: Job) -> None:
        """Fail a job that has had all its attempts. Raises EnvironmentFault."""
        self._fail(job, exhaustion_reason(job), exhaustion_remedy(job), "crashes")

    def fail_unhandled(self, job: Job, reason: str, error: Exception) -> None:
        """Fail a job that the daemon cannot handle: it raised ``error``. Raises
        EnvironmentFault."""
        self._fail(job, reason, remedy_for(error), failure_kind(error))

    def fail_too_large(self, job: Job, reason: str, remedy: str) -> None:
        """Fail a job that the whole disk could not hold. Raises EnvironmentFault."""
        self._fail(job, reason, remedy, "too_large")

    def fail_refused(self, job: Job) -> None:
        """Fail a job whose sidecar is wrong. Raises EnvironmentFault."""
        self._fail(job, job.journal.refusal, job.journal.remedy, "sidecar")

    def fail_cancelled(self, job: Job, by: Canceller, seconds: float = 0.0) -> None:
        """Fail a job that somebody has cancelled. Nobody is notified: it was asked for. The caller
        logs it. Raises EnvironmentFault."""
        journal, folder = self._spool.record_failure(
            job, by.reason, CANCELLED_REMEDY, cancelled=True
        )
        self._end_failed(job, journal, folder, "cancelled", seconds)

    def drop(self, job: Job) -> None:
        """Count a job as failed whose folder somebody has removed: nothing is left to work on."""
        self.tally.failures["removed"] += 1
        self._signer.forget(job)
        self._log.log(JobDropped(), job)

    def _apply_verdict(self, ended: EndedAttempt, now: float) -> None:
        verdict, job = ended.verdict, ended.running.job
        fault, error = deferral_reason(verdict), attempt_error(verdict)
        if ended.running.cancelled_by is not None:
            self.fail_cancelled(job, ended.running.cancelled_by, ended.seconds)
            self._log.log(JobCancelled(ended.running.cancelled_by.user), job)
        elif isinstance(verdict, Rendered):
            self._publish(ended, verdict, now)
        elif isinstance(verdict, Refused):
            reason = with_users_names(verdict.reason, job)
            remedy = with_users_names(verdict.remedy, job)
            self._fail(job, reason, remedy, ended.failure, ended.seconds)
        elif fault is not None and self._fails_alone(ended):
            of_memory = isinstance(verdict, Deferred) and verdict.of_memory
            remedy = FAILS_ALONE_REMEDY if of_memory else CRASH_REMEDY
            self._fail(job, f"{fault} {FAILS_ALONE_REASON}", remedy, "alone", ended.seconds)
        elif fault is not None:
            self._put_back(ended, fault, now)
        elif error is not None:
            self._retry_or_fail(ended, error, now)
        elif ended.running.is_pausing:
            job = self._spool.defer(ended.running.with_percent(job), PAUSED)
            queued, gained = ended.running.queued, self._spool.has_progressed(job)
            first = ended.running.first
            self._queue.put_back_paused(queued, job, None, gained=gained, first=first)
        else:
            job = self._spool.defer(ended.running.with_percent(job), "the daemon was stopped")
            interruption = "interrupted; it is resumed at its last finished chunk"
            self._queue.put_back_paused(ended.running.queued, job, interruption, gained=True)
            JobInterrupted().log(job_logger(job))

    def _publish(self, ended: EndedAttempt, verdict: Rendered, now: float) -> None:
        job, running = ended.running.job, ended.running
        try:
            result, report_path, strip = check_outputs(job, verdict)
        except ForeignOutput as error:
            self._retry_or_fail(ended, f"the worker cannot be trusted: {error}", now)
            return
        owner = job.journal.owner
        history = JobHistory(
            job_id=job.id,
            name=job.name,
            audio=job.journal.audio_name,
            video=job.journal.video_name,
            attempts=job.journal.attempts,
            claimed=job.journal.claimed_at,
            started=running.started,
            finished=ended.finished,
            owner=None if owner is None else user_name(owner),
            owner_uid=owner,
            notice=running.notice,
        )
        try:
            # Read once: a publication that was interrupted may have removed the workspace.
            ended.report = ended.report or read_report(report_path)
        except (ValueError, FileNotFoundError) as error:
            self._retry_or_fail(ended, f"the worker's report cannot be read ({error})", now)
            return
        report = with_evidence(ended.report, gpu_evidence(running), running.warnings)
        report = with_translations(with_history(report, history), self._spool.language)
        published = self._spool.publish(job, result, report, strip, *warnings_of(ended.report)[:1])
        self.tally.published += 1
        self._published_before.pop(job.id, None)
        self._remember(job, published.journal, published.video, ended.seconds, report)
        speed = speed_of(report, ended.seconds)
        for warning in warnings_of(ended.report):
            self._log.log(ResultWarning(warning), job)
        event = JobPublished(published.video.name, speed["seconds"], speed.get("ratio"))
        self._log.log_published(event, job)
        self._on_end(job)

    def _retry_or_fail(self, ended: EndedAttempt, error: str, now: float) -> None:
        job = self._spool.record_error(ended.running.job, error)
        ended.running.job = job
        failed = AttemptFailed(error, job.journal.attempts)
        self._log.log(failed, job, traceback=traceback_of(ended.verdict))
        if not self.is_exhausted(job):
            crash = f"attempt {job.journal.attempts} of {self._max_attempts} crashed: {error}"
            seconds = backoff_seconds(job.journal.attempts)
            owner = ended.running.queued.key.owner
            self._queue.append(job, crash, now + seconds, owner)
            self._log.log(JobWaitsAfterCrash(round(seconds, 1)), job)
            return
        # Kept as the verdict: if the disk is full now, the next try only has to fail the job.
        ended.verdict = Refused(job_id=job.id, reason=exhaustion_reason(job), remedy=CRASH_REMEDY)
        ended.failure = "crashes"
        self._fail(job, ended.verdict.reason, CRASH_REMEDY, ended.failure, ended.seconds)

    def _fails_alone(self, ended: EndedAttempt) -> bool:
        """Whether a job ran out of memory, or a GPU failed under it, again and again while others
        were published. Such a job would never end."""
        verdict = ended.verdict
        if not (isinstance(verdict, Deferred) and (verdict.of_memory or verdict.of_device)):
            return False
        before = self._published_before.setdefault(ended.running.job.id, self.tally.published)
        return (
            ended.running.queued.faults >= MIN_FAULTS_IN_A_ROW
            and self.tally.published - before >= MIN_OTHERS_PUBLISHED
        )

    def _put_back(self, ended: EndedAttempt, fault: str, now: float) -> None:
        job = self._spool.defer(ended.running.job, fault)
        queued, seconds = ended.running.queued, pause_after_device_fault(ended)
        of_weights = isinstance(ended.verdict, Deferred) and ended.verdict.of_weights
        back = self._queue.put_back(queued, job, fault, now, seconds, lacks_weights=of_weights)
        if seconds == 0.0:
            JobTriedElsewhere(fault).log(job_logger(job))
            return
        JobWaits(round(back.ready_at - now, 1), fault).log(job_logger(job))

    def _fail(
        self, job: Job, reason: str, remedy: str, kind: FailureKind, seconds: float = 0.0
    ) -> None:
        journal, folder = self._spool.record_failure(job, reason, remedy)
        self._end_failed(job, journal, folder, kind, seconds)
        self._log.log(JobFailed(reason), job)

    def _end_failed(
        self, job: Job, journal: Journal, folder: Path, kind: FailureKind, seconds: float
    ) -> None:
        self.tally.failures[kind] += 1
        self._published_before.pop(job.id, None)
        self._remember(job, journal, folder, seconds, tell=kind != "cancelled")
        self._on_end(job)

    def _give_up(self, ended: EndedAttempt, error: Exception, now: float) -> bool:
        """Handle a bug in recording an outcome: try again, then fail the job, then set its folder
        aside. Return whether the attempt is done with."""
        job = ended.running.job
        reason = self.faults.log(f"the outcome of job {job.title}", error)
        ended.bugs += 1
        if ended.bugs == MAX_BUGS:
            ended.verdict = Refused(job_id=job.id, reason=reason, remedy=remedy_for(error))
            ended.failure = failure_kind(error)
        elif ended.bugs > 2 * MAX_BUGS and job.journal.member is None:
            try:
                self._spool.set_aside(job.folder, reason)
            except Exception as another:  # noqa: BLE001 - concerns this item alone
                self.faults.log(f"the folder of job {job.title}", another)
            else:
                self.tally.failures[failure_kind(error)] += 1
                return True
        self._postpone(ended, reason, now)
        return False

    def _postpone(self, ended: EndedAttempt, fault: object, now: float) -> None:
        reason = str(fault)
        ended.faults += 1
        ended.retry_at = now + min(backoff_seconds(ended.faults), MAX_WRITE_RETRY_SECONDS)
        if ended.reason != reason:
            is_unsigned = isinstance(fault, SigningFault)
            event = ResultUnsigned(reason) if is_unsigned else OutcomeDelayed(reason)
            event.log(job_logger(ended.running.job))
        ended.reason = reason

    def _remember(
        self,
        job: Job,
        journal: Journal,
        path: Path,
        seconds: float,
        report: Mapping[str, object] | None = None,
        *,
        tell: bool = True,
    ) -> None:
        """Count a job that ended, with its final journal."""
        self._signer.forget(job)
        place = path.relative_to(self._spool.root)
        ended = describe_finished(journal, place, seconds, report)
        is_published = journal.outcome == "published"
        self.tally.add_finished(ended, path if is_published else None, tell=tell)
