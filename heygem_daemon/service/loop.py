"""The daemon's main loop."""

from contextlib import ExitStack
from dataclasses import dataclass

from loguru import logger

from heygem_daemon import __version__
from heygem_daemon.config.settings import Settings
from heygem_daemon.service.batches import BatchTracker
from heygem_daemon.service.claims import Claims
from heygem_daemon.service.dispatch import Dispatcher
from heygem_daemon.service.intake import InboxView, Intake
from heygem_daemon.service.runtime import Dependencies, StepScheduler
from heygem_daemon.service.status import LoopPhase, StatusWriter, daemon_state
from heygem_daemon.service.sweeper import Sweeper
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import Executor

ROUND_SECONDS = 0.25
OPEN_SECONDS = 2.0
STATUS_SECONDS = 1.0
REAP_SECONDS = 1.0
STOP_ROUND_SECONDS = 0.1
CLOSE_SECONDS = 3.0
"""Grace for a worker that has finished its chunk, or has none."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What came of working off the inbox. ``left``: jobs that wait for their environment or were
    interrupted; ``hold``: what the daemon itself waits for."""

    published: int
    failed: int
    left: int
    hold: str | None

    def __str__(self) -> str:
        text = f"{self.published} published, {self.failed} failed, {self.left} left waiting"
        return f"{text}: {self.hold}" if self.hold else text


class Service:
    """Scan, settle, claim, place, render, publish, purge: round after round.

    Nothing in a round blocks on media or on a worker; what one step lacks (a full disk, a lost
    share) holds that step and is tried again in the next round.
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
        self._executor = executor
        self._dependencies = dependencies
        self._clock = dependencies.clock
        self._notifier = dependencies.notifier
        self._wake = dependencies.wake
        self._batches = BatchTracker(
            spool, round(settings.free_space_gib * GIB), dependencies.wake.set
        )
        self._dispatcher = Dispatcher(
            settings,
            spool,
            executor,
            dependencies.read_gpus,
            dependencies.clock,
            dependencies.memory,
            self._batches.mark_member_ended,
        )
        self._status_writer = StatusWriter(
            settings, spool, dependencies, self._dispatcher, self._batches
        )
        self._sweeper = Sweeper(spool, settings.retention_days, dependencies.clock)
        self._open_resources = ExitStack()
        self._claims: Claims | None = None
        self._steps = StepScheduler(dependencies.clock)
        self._stop_requested = False

    def inbox_changed(self) -> None:
        """Look at the inbox soon, but not for each event of an upload; safe in any thread."""
        self._steps.bring_forward("scan", ROUND_SECONDS)

    @property
    def _inbox_view(self) -> InboxView:
        return self._claims.view if self._claims else InboxView()

    def request_stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stop_requested = True
        self._wake.set()

    def run(self) -> None:
        """Work until asked to stop. Raises SpoolBusy if another daemon owns the spool."""
        with self._open_resources:
            self.run_round()
            self._notifier.ready()
            while not self._stop_requested:
                self._wake.wait(ROUND_SECONDS)
                self.run_round()
            self._stop()

    def run_once(self) -> RunSummary:
        """Work off the inbox; end when nothing is left that can get on. Raises SpoolBusy."""
        with self._open_resources:
            self.run_round()
            while not (self._stop_requested or self._is_done()):
                self._wake.wait(ROUND_SECONDS)
                self.run_round()
            self._stop()
            conclusions = self._dispatcher.outcomes
            claimed = len(self._dispatcher.queue) + len(conclusions.pending)
            left = claimed + len(self._inbox_view.ready) + self._inbox_view.failed_claims
            hold = self._dispatcher.hold or self._steps.hold
            return RunSummary(conclusions.published, conclusions.failed, left, hold)

    def run_round(self) -> None:
        """One round."""
        if self._claims is None:
            self._steps.run_if_due("open", OPEN_SECONDS, self._open)
        if self._claims is not None:
            dispatcher = self._dispatcher
            self._steps.run("workers", dispatcher.poll_events)
            self._steps.run("sample", dispatcher.sample_gpus)
            self._steps.run("outcomes", dispatcher.outcomes.settle)
            self._steps.run_if_due("scan", self._settings.scan_seconds, self._scan)
            self._steps.run_if_due("claim", 0.0, self._claim)
            self._steps.run_if_due("batches", 0.0, self._batches.advance)
            self._steps.run_if_due("start", 0.0, dispatcher.start_jobs)
            self._steps.run_if_due("devices", REAP_SECONDS, dispatcher.reap_workers)
            self._steps.run_if_due("purge", ROUND_SECONDS, self._purge)
        self._steps.run_if_due("status", STATUS_SECONDS, self._publish_status)

    def _open(self) -> None:
        """When the spool is there: folders, lock, jobs of an earlier run."""
        self._spool.prepare()
        with ExitStack() as stack:
            stack.enter_context(self._spool.lock())
            jobs = self._spool.recover(self._dispatcher.claimed_ids())
            self._batches.add(self._spool.batches.unfinished())
            intake = Intake.from_settings(
                self._spool, self._settings, self._dependencies.looks_complete
            )
            self._claims = Claims(self._spool, intake, self._dispatcher, self._batches)
            stack.enter_context(self._dependencies.while_open())
            self._open_resources.push(stack.pop_all())
        self._dispatcher.enqueue(jobs)
        self._dispatcher.devices.update_readings()
        logger.info(
            "heygem-daemon {} started: spool {}, engine {}, device {}, jobs taken up again: {}",
            __version__, self._spool.root, self._settings.engine, self._settings.device, len(jobs),
        )  # fmt: skip

    def _reopen(self) -> None:
        """Another disk or share lies where the spool was: its lock, its kind, its jobs count."""
        logger.warning("another disk or share was mounted at {}: it is opened", self._spool.root)
        self._open_resources.close()
        self._claims = None
        self._batches.forget()
        self._open()
        self._dispatcher.forget()

    def _scan(self) -> None:
        if self._spool.is_replaced():
            self._reopen()
        if self._steps.needs_recovery or self._dispatcher.outcomes.pending:
            self._spool.restore_folders()
        if self._claims is not None:
            self._claims.scan(self._clock.monotonic())
        if self._steps.needs_recovery:
            jobs = self._spool.recover(self._dispatcher.claimed_ids())
            self._batches.add(self._spool.batches.unfinished())
            self._dispatcher.enqueue(jobs)
            self._steps.needs_recovery = False

    def _claim(self) -> None:
        if self._claims is not None:
            self._claims.claim(self._clock.monotonic())

    def _purge(self) -> None:
        running = self._dispatcher.running.values()
        self._sweeper.run_slice(min((each.started for each in running), default=None))

    def _is_done(self) -> bool:
        if self._dispatcher.running:
            return False
        if self._steps.hold is not None:
            return True
        dispatcher = self._dispatcher
        if self._batches.busy or any(ended.faults == 0 for ended in dispatcher.outcomes.pending):
            return False
        if dispatcher.hold is not None:
            return not self._inbox_view.settling
        now = self._clock.monotonic()
        moving = any(each.faults == 0 or each.ready_at <= now for each in dispatcher.queue)
        return not (moving or self._inbox_view.ready or self._inbox_view.settling)

    def _stop(self) -> None:
        """Let the workers finish the chunk at hand; what is rendered stays on disk."""
        self._stop_requested = True
        self._notifier.stopping()
        self._executor.halt()
        deadline = self._clock.monotonic() + self._settings.stop_seconds
        while self._dispatcher.running and self._clock.monotonic() < deadline:
            self._wake.wait(STOP_ROUND_SECONDS)
            self._end_round()
        self._executor.close(CLOSE_SECONDS)
        self._batches.stop()
        self._dispatcher.poll_events(stopping=True)
        self._dispatcher.interrupt_running()
        self._end_round()
        self._steps.run("status", lambda: self._status_writer.write("stopped", self._inbox_view))
        logger.info("heygem-daemon stopped")

    def _end_round(self) -> None:
        self._dispatcher.poll_events(stopping=True)
        self._steps.run("sample", self._dispatcher.sample_gpus)
        self._steps.run("outcomes", self._dispatcher.outcomes.settle)
        self._steps.run_if_due("status", STATUS_SECONDS, self._publish_status)

    def _publish_status(self) -> None:
        """The status, to whoever reads the file or asks systemd; and a sign of life."""
        hold = self._steps.hold or self._dispatcher.hold
        phase = LoopPhase(self._claims is not None, self._stop_requested, hold)
        self._notifier.watchdog()
        self._status_writer.write(daemon_state(phase, self._dispatcher), self._inbox_view, hold)
