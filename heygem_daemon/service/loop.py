"""The daemon's main loop."""

from contextlib import ExitStack
from dataclasses import dataclass

from loguru import logger

from heygem_daemon import __version__
from heygem_daemon.config.settings import Settings
from heygem_daemon.service.batches import BatchWatch
from heygem_daemon.service.claims import Claims
from heygem_daemon.service.dispatch import Dispatcher
from heygem_daemon.service.intake import Intake, Look
from heygem_daemon.service.runtime import Steps, Surroundings
from heygem_daemon.service.status import Bulletin, Phase, state_of
from heygem_daemon.service.sweeper import Sweeper
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import Executor

TURN_SECONDS = 0.25
OPEN_SECONDS = 2.0
STATUS_SECONDS = 1.0
TEND_SECONDS = 1.0
STOP_TURN_SECONDS = 0.1
CLOSE_SECONDS = 3.0
"""Grace for a worker that has finished its chunk, or has none."""


@dataclass(frozen=True, slots=True)
class Tally:
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
        surroundings: Surroundings,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._executor = executor
        self._surroundings = surroundings
        self._clock = surroundings.clock
        self._notifier = surroundings.notifier
        self._wake = surroundings.wake
        self._batches = BatchWatch(
            spool, round(settings.free_space_gib * GIB), surroundings.wake.set
        )
        self._dispatcher = Dispatcher(
            settings,
            spool,
            executor,
            surroundings.read_gpus,
            surroundings.clock,
            surroundings.memory,
            self._batches.member_ended,
        )
        self._bulletin = Bulletin(settings, spool, surroundings, self._dispatcher, self._batches)
        self._sweeper = Sweeper(spool, settings.retention_days, surroundings.clock)
        self._owned = ExitStack()
        self._claims: Claims | None = None
        self._steps = Steps(surroundings.clock)
        self._stop_requested = False

    def inbox_changed(self) -> None:
        """Look at the inbox soon, but not for each event of an upload; safe in any thread."""
        self._steps.bring_forward("scan", TURN_SECONDS)

    @property
    def _seen(self) -> Look:
        return self._claims.seen if self._claims else Look()

    def request_stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stop_requested = True
        self._wake.set()

    def run(self) -> None:
        """Work until asked to stop. Raises SpoolBusy if another daemon owns the spool."""
        with self._owned:
            self.turn()
            self._notifier.ready()
            while not self._stop_requested:
                self._wake.wait(TURN_SECONDS)
                self.turn()
            self._stop()

    def run_once(self) -> Tally:
        """Work off the inbox; end when nothing is left that can get on. Raises SpoolBusy."""
        with self._owned:
            self.turn()
            while not (self._stop_requested or self._is_done()):
                self._wake.wait(TURN_SECONDS)
                self.turn()
            self._stop()
            conclusions = self._dispatcher.conclusions
            claimed = len(self._dispatcher.queue) + len(conclusions.pending)
            left = claimed + len(self._seen.ready) + self._seen.untakable
            hold = self._dispatcher.hold or self._steps.hold
            return Tally(conclusions.published, conclusions.failed, left, hold)

    def turn(self) -> None:
        """One round."""
        if self._claims is None:
            self._steps.every("open", OPEN_SECONDS, self._open)
        if self._claims is not None:
            dispatcher = self._dispatcher
            self._steps.run("workers", dispatcher.hear)
            self._steps.run("sample", dispatcher.sample)
            self._steps.run("outcomes", dispatcher.conclusions.settle)
            self._steps.every("scan", self._settings.scan_seconds, self._scan)
            self._steps.every("claim", 0.0, self._claim)
            self._steps.every("batches", 0.0, self._batches.advance)
            self._steps.every("start", 0.0, dispatcher.start)
            self._steps.every("devices", TEND_SECONDS, dispatcher.tend)
            self._steps.every("purge", TURN_SECONDS, self._purge)
        self._steps.every("status", STATUS_SECONDS, self._tell)

    def _open(self) -> None:
        """When the spool is there: folders, lock, jobs of an earlier run."""
        self._spool.prepare()
        with ExitStack() as stack:
            stack.enter_context(self._spool.lock())
            jobs = self._spool.recover(self._dispatcher.known())
            self._batches.take_on(self._spool.batches.open())
            intake = Intake.of(self._spool, self._settings, self._surroundings.looks_complete)
            self._claims = Claims(self._spool, intake, self._dispatcher, self._batches)
            stack.enter_context(self._surroundings.while_open())
            self._owned.push(stack.pop_all())
        self._dispatcher.take_on(jobs)
        self._dispatcher.devices.look()
        logger.info(
            "heygem-daemon {} started: spool {}, engine {}, device {}, jobs taken up again: {}",
            __version__, self._spool.root, self._settings.engine, self._settings.device, len(jobs),
        )  # fmt: skip

    def _open_anew(self) -> None:
        """Another disk or share lies where the spool was: its lock, its kind, its jobs count."""
        logger.warning("another disk or share was mounted at {}: it is opened", self._spool.root)
        self._owned.close()
        self._claims = None
        self._batches.leave_behind()
        self._open()
        self._dispatcher.leave_behind()

    def _scan(self) -> None:
        if self._spool.exchanged():
            self._open_anew()
        if self._steps.cut_short or self._dispatcher.conclusions.pending:
            self._spool.make_good()
        if self._claims is not None:
            self._claims.look(self._clock.monotonic())
        if self._steps.cut_short:
            jobs = self._spool.recover(self._dispatcher.known())
            self._batches.take_on(self._spool.batches.open())
            self._dispatcher.take_on(jobs)
            self._steps.cut_short = False

    def _claim(self) -> None:
        if self._claims is not None:
            self._claims.claim(self._clock.monotonic())

    def _purge(self) -> None:
        running = self._dispatcher.running.values()
        self._sweeper.slice(min((each.started for each in running), default=None))

    def _is_done(self) -> bool:
        if self._dispatcher.running:
            return False
        if self._steps.hold is not None:
            return True
        dispatcher = self._dispatcher
        if self._batches.busy or any(ended.faults == 0 for ended in dispatcher.conclusions.pending):
            return False
        if dispatcher.hold is not None:
            return not self._seen.settling
        now = self._clock.monotonic()
        moving = any(each.faults == 0 or each.ready_at <= now for each in dispatcher.queue)
        return not (moving or self._seen.ready or self._seen.settling)

    def _stop(self) -> None:
        """Let the workers finish the chunk at hand; what is rendered stays on disk."""
        self._stop_requested = True
        self._notifier.stopping()
        self._executor.halt()
        deadline = self._clock.monotonic() + self._settings.stop_seconds
        while self._dispatcher.running and self._clock.monotonic() < deadline:
            self._wake.wait(STOP_TURN_SECONDS)
            self._end_round()
        self._executor.close(CLOSE_SECONDS)
        self._batches.stop()
        self._dispatcher.hear(stopping=True)
        self._dispatcher.abandon()
        self._end_round()
        self._steps.run("status", lambda: self._bulletin.write("stopped", self._seen))
        logger.info("heygem-daemon stopped")

    def _end_round(self) -> None:
        self._dispatcher.hear(stopping=True)
        self._steps.run("sample", self._dispatcher.sample)
        self._steps.run("outcomes", self._dispatcher.conclusions.settle)
        self._steps.every("status", STATUS_SECONDS, self._tell)

    def _tell(self) -> None:
        """The status, to whoever reads the file or asks systemd; and a sign of life."""
        hold = self._steps.hold or self._dispatcher.hold
        phase = Phase(self._claims is not None, self._stop_requested, hold)
        self._notifier.watchdog()
        self._bulletin.write(state_of(phase, self._dispatcher), self._seen, hold)
