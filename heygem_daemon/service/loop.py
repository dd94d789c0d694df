"""The daemon's main loop: scan, settle, claim, place, render, publish, purge."""

from contextlib import ExitStack, nullcontext, suppress

from heygem_daemon import __version__
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import EnvironmentFault
from heygem_daemon.events.daemon import DaemonStarted, DaemonStopped, SpoolReplaced
from heygem_daemon.service.answers import Answers
from heygem_daemon.service.backlog import find_common_fault
from heygem_daemon.service.batches import BatchTracker
from heygem_daemon.service.claims import Claims
from heygem_daemon.service.clock_guard import ClockGuard
from heygem_daemon.service.dispatch import Dispatcher
from heygem_daemon.service.finished_batches import MAX_FINISHED_BATCHES
from heygem_daemon.service.inbox_view import InboxView
from heygem_daemon.service.recovery import Recovery
from heygem_daemon.service.reload import SettingsReload
from heygem_daemon.service.returns import Returns
from heygem_daemon.service.run_summary import RunSummary
from heygem_daemon.service.runtime import Dependencies, StepScheduler
from heygem_daemon.service.status import LoopNotes, LoopPhase, StatusWriter, daemon_state
from heygem_daemon.service.steering import Steering
from heygem_daemon.service.sweeper import Sweeper
from heygem_daemon.service.tally import MAX_FINISHED_JOBS
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import Executor

EVERY_ROUND = 0.0
ROUND_SECONDS = 0.25
OPEN_SECONDS = 2.0
STATUS_SECONDS = 1.0
REQUEST_SECONDS = 0.5
SHARE_SECONDS = 1.0
REAP_SECONDS = 1.0
STOP_ROUND_SECONDS = 0.1
CLOSE_SECONDS = 3.0
"""How long a worker that has finished its chunk, or has none, may take to exit at a stop."""


class Service:
    """Turns what users put into the spool's inbox into results, round after round.

    Nothing in a round blocks on media or on a worker. A fault around a step (a full disk, a lost
    share) holds that step alone, and a later round tries it again.
    """

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        executor: Executor,
        dependencies: Dependencies,
    ) -> None:
        self._settings = settings
        self._spool = spool
        spool.language = settings.language
        self._executor = executor
        self._dependencies = dependencies
        self._clock = dependencies.clock
        self._notifier = dependencies.notifier
        self._wake = dependencies.wake
        self._batches = BatchTracker(
            spool,
            round(settings.free_space_gib * GIB),
            dependencies.wake.set,
            dependencies.faults,
            dependencies.job_log,
        )
        self._dispatcher = Dispatcher.from_settings(
            settings, spool, executor, dependencies, self._batches.mark_member_ended
        )
        self._status_writer = StatusWriter(settings, spool, dependencies, self._batches)
        self._faults = dependencies.faults
        self._clock_guard = ClockGuard(
            spool, settings.retention_days, dependencies.clock, dependencies.is_clock_synchronized
        )
        self._sweeper = Sweeper(
            spool, settings.retention_days, dependencies.clock, self._clock_guard, self._faults
        )
        self._steps = StepScheduler(dependencies.clock)
        self._answers = Answers()
        self._returns = Returns(spool, self._clock, self._faults, self._answers)
        self._recovery = Recovery(
            spool, self._dispatcher, self._batches, self._steps, self._faults, self._returns
        )
        self._open_resources = ExitStack()
        self._claims: Claims | None = None
        """None until the spool is open."""
        self._steering: Steering | None = None
        self._stop_requested = False
        self._reload = SettingsReload(
            settings, dependencies.load_settings or (lambda: settings), dependencies.find_doubts
        )
        self._reload_requested = False

    def run(self) -> None:
        """Work until a stop is requested. Raises SpoolBusy if another daemon owns the spool."""
        with self._open_resources:
            self._reload.tell_doubts()
            self.run_round()
            self._notifier.ready()
            while not self._stop_requested:
                self._wake.wait(ROUND_SECONDS)
                self.run_round()
            self._stop()

    def run_once(self) -> RunSummary:
        """Work off the inbox; return when no job can make progress any more. Raises SpoolBusy."""
        with self._open_resources:
            self.run_round()
            while not (self._stop_requested or self._is_done()):
                self._wake.wait(ROUND_SECONDS)
                self.run_round()
            self._stop()
            return self._summary()

    def run_round(self) -> None:
        """Run each step of the service that is due."""
        run, run_if_due = self._steps.run, self._steps.run_if_due
        if self._reload_requested:
            self._reload_settings()
        if self._claims is None:
            run_if_due("open", OPEN_SECONDS, self._open)
        if self._claims is not None:
            run("lock", self._spool.require_lock)
            run("workers", self._dispatcher.attempts.poll_events)
            run("sample", self._dispatcher.attempts.sample_gpus)
            run("outcomes", self._dispatcher.settle_outcomes)
            run("probes", self._dependencies.advance_probes)
            run("hours", self._dispatcher.update_hours)
            run_if_due("scan", self._settings.scan_seconds, self._scan)
            run_if_due("requests", REQUEST_SECONDS, self._steer)
            run_if_due("returns", EVERY_ROUND, self._returns.advance)
            run_if_due("claim", EVERY_ROUND, self._claim)
            run_if_due("batches", EVERY_ROUND, self._batches.advance)
            run_if_due("start", EVERY_ROUND, self._dispatcher.start_jobs)
            run_if_due("share", SHARE_SECONDS, self._dispatcher.attempts.share_chunks)
            run_if_due("devices", REAP_SECONDS, self._dispatcher.attempts.reap_workers)
            run_if_due("purge", ROUND_SECONDS, self._purge)
        run_if_due("status", STATUS_SECONDS, self._publish_status)

    def inbox_changed(self) -> None:
        """Scan the inbox soon, but not for each event of an upload. Safe in any thread."""
        self._steps.bring_forward("scan", ROUND_SECONDS)

    def request_stop(self) -> None:
        """End the loop soon. Safe in a signal handler."""
        self._stop_requested = True
        self._wake.set()

    def request_reload(self) -> None:
        """Read the settings again and open the log again soon. Safe in a signal handler."""
        self._reload_requested = True
        self._wake.set()

    def _reload_settings(self) -> None:
        """Read the settings and follow them; whatever goes wrong leaves those from before."""
        self._reload_requested = False
        self._notifier.reloading()
        try:
            self._dependencies.follow_settings(self._settings)
            self._reload.read()
            if self._reload.settings != self._settings:
                self._apply(self._reload.settings)
        except Exception as error:  # noqa: BLE001 - the daemon goes on as before
            self._faults.log("the reading of the settings", error)
        finally:
            self._notifier.ready()

    def _apply(self, settings: Settings) -> None:
        self._settings = settings
        self._spool.language = settings.language
        self._dependencies.follow_settings(settings)
        self._batches.keep_free(round(settings.free_space_gib * GIB))
        self._dispatcher.apply(settings)
        self._status_writer.apply(settings)
        self._clock_guard.keep_for(settings.retention_days)
        self._sweeper.keep_for(settings.retention_days)
        if self._claims is not None:
            self._claims.apply(settings)

    def _open(self) -> None:
        """Open the spool if it is there: its folders, its lock, the jobs of an earlier run."""
        self._spool.prepare()
        with ExitStack() as stack:
            stack.enter_context(self._spool.lock())
            jobs, fault = self._recovery.find_jobs()
            self._recall()
            self._claims = Claims(
                self._settings, self._spool, self._dispatcher, self._batches, self._dependencies
            )
            self._steering = Steering(
                self._spool,
                self._claims,
                self._dispatcher,
                self._batches,
                self._dependencies,
                self._answers,
                self._returns,
            )
            stack.enter_context(self._dependencies.while_open())
            self._open_resources.push(stack.pop_all())
        self._dispatcher.enqueue(jobs)
        if fault is not None:
            self._steps.require_recovery()
        self._dispatcher.update_readings()
        settings, place = self._settings, str(self._spool.root)
        DaemonStarted(__version__, place, settings.engine, settings.device, len(jobs)).log()

    def _recall(self) -> None:
        """Let the status list what ended before the daemon started."""
        batches = self._spool.batches.latest_finished(MAX_FINISHED_BATCHES)
        ended = [
            *self._spool.latest_published(MAX_FINISHED_JOBS),
            *self._spool.latest_failed(MAX_FINISHED_JOBS),
            *self._batches.recall(each.journal for each in batches),
        ]
        self._dispatcher.snapshot().tally.recall(ended)

    def _reopen(self) -> None:
        """Open what was mounted in the spool's place, with its own lock and its own jobs."""
        SpoolReplaced(str(self._spool.root)).log()
        self._open_resources.close()
        self._claims = self._steering = None
        self._batches.forget()
        self._returns.forget()
        self._open()
        self._dispatcher.forget()

    def _scan(self) -> None:
        if self._spool.is_replaced():
            self._reopen()
        if self._steps.needs_recovery or self._dispatcher.snapshot().pending:
            self._spool.restore_folders()
        self._spool.check_folders()
        if self._claims is not None:
            self._claims.scan(self._clock.monotonic())
            # A request about what has just become complete counts before that is claimed.
            self._steps.bring_forward("requests", EVERY_ROUND)
        if self._steps.needs_recovery:
            self._recovery.run(self._clock.monotonic())

    def _claim(self) -> None:
        if self._claims is not None:
            try:
                self._claims.claim(self._clock.monotonic())
            finally:
                if self._claims.take_bug():
                    self._steps.require_recovery()

    def _steer(self) -> None:
        if self._steering is not None:
            try:
                self._steering.run(self._settings)
            finally:
                if self._steering.take_bug():
                    self._steps.require_recovery()

    def _purge(self) -> None:
        self._sweeper.run_slice(self._dispatcher.attempts.oldest_start)

    def _publish_status(self) -> None:
        """Publish the status to its files and to systemd, and tell systemd's watchdog that the
        daemon is alive. Why the spool is not open is said once, by the step that opens it."""
        snapshot = self._dispatcher.snapshot()
        fault = find_common_fault(snapshot, self._clock.monotonic())
        hold = self._steps.hold or snapshot.hold or fault
        self._notifier.watchdog()
        state = daemon_state(LoopPhase(bool(self._claims), self._stop_requested, hold), snapshot)
        requests = self._steering.statuses if self._steering else ()
        notes = LoopNotes(hold, self._clock_guard.doubt, self._reload.note, requests)
        with nullcontext() if self._claims else suppress(EnvironmentFault, OSError):
            self._status_writer.write(state, snapshot, self._inbox_view, notes)

    def _publish_stopped(self) -> None:
        self._status_writer.write("stopped", self._dispatcher.snapshot(), self._inbox_view)

    @property
    def _inbox_view(self) -> InboxView:
        return self._claims.view if self._claims else InboxView()

    def _is_done(self) -> bool:
        """Whether no job can make progress any more, for ``run_once``."""
        jobs, inbox = self._dispatcher.snapshot(), self._inbox_view
        if jobs.running:
            return False
        if self._steps.hold is not None:
            return True
        if (
            self._returns.ids
            or self._batches.busy
            or any(ended.faults == 0 for ended in jobs.pending)
        ):
            return False
        if jobs.hold is not None:
            return not inbox.settling
        now = self._clock.monotonic()
        awaits_weights = self._dispatcher.awaits_weights
        has_next_job = any(
            (each.faults == 0 or each.ready_at <= now) and not awaits_weights(each)
            for each in jobs.queued
        )
        can_claim = not all(map(awaits_weights, inbox.ready))
        return not (has_next_job or can_claim or inbox.settling)

    def _summary(self) -> RunSummary:
        jobs, inbox = self._dispatcher.snapshot(), self._inbox_view
        return RunSummary(
            published=jobs.tally.published,
            failed=jobs.tally.failed,
            left=len(jobs.queued) + len(jobs.pending) + len(inbox.ready) + inbox.faulty_items,
            hold=jobs.hold
            or self._steps.hold
            or self._fault_of_weights
            or find_common_fault(jobs, self._clock.monotonic()),
            waiting_files=sum(each.awaited is not None for each in inbox.waiting),
        )

    @property
    def _fault_of_weights(self) -> str | None:
        """Why the jobs of an engine cannot start."""
        return next(iter(self._dispatcher.faults_of_weights.values()), None)

    def _stop(self) -> None:
        """Stop the workers after the chunk at hand. What is rendered stays on disk."""
        self._stop_requested = True
        self._notifier.stopping()
        self._executor.halt()
        deadline = self._clock.monotonic() + self._settings.stop_seconds
        while self._dispatcher.attempts.running and self._clock.monotonic() < deadline:
            self._wake.wait(STOP_ROUND_SECONDS)
            self._run_stop_round()
        self._executor.close(CLOSE_SECONDS)
        self._batches.stop()
        self._steps.run("workers", self._poll_last_events)
        self._steps.run("interrupt", self._dispatcher.attempts.interrupt_all)
        self._run_stop_round()
        self._steps.run("status", self._publish_stopped)
        DaemonStopped().log()

    def _poll_last_events(self) -> None:
        self._dispatcher.attempts.poll_events(stopping=True)

    def _run_stop_round(self) -> None:
        self._steps.run("workers", self._poll_last_events)
        self._steps.run("sample", self._dispatcher.attempts.sample_gpus)
        self._steps.run("outcomes", lambda: self._dispatcher.settle_outcomes(stopping=True))
        self._steps.run_if_due("status", STATUS_SECONDS, self._publish_status)
