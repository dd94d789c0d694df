"""Where the next job can start, asked not too often, and each new answer said once."""

import re
from collections.abc import Callable

from loguru import logger

from heygem_daemon.checkpoints import fingerprint
from heygem_daemon.gpu.build import cuda_usable
from heygem_daemon.gpu.needs import need_of
from heygem_daemon.gpu.placement import GIB, Ours, Placed, Policy, Waiting, Wish, place
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.service.queue import pause
from heygem_daemon.settings import Settings
from heygem_daemon.spool.spool import Spool
from heygem_daemon.worker.executor import Executor

ASK_AGAIN_SECONDS = 2.0
"""How long an answer 'not now' holds: asking the driver may cost seconds where it is not loaded."""


def policy_of(settings: Settings) -> Policy:
    """What the operator allows."""
    return Policy(
        device=settings.device,
        gpus=settings.gpus,
        margin_bytes=round(settings.vram_margin_gib * GIB),
        others_percent=settings.others_utilisation_percent,
        jobs_per_gpu=settings.jobs_per_gpu,
    )


def wish_of(settings: Settings, engine: str | None = None) -> Wish:
    """A job for ``engine`` (None: the usual one), with its needs as measured on this machine."""
    asked = engine or settings.engine
    cache, stamp = Spool(settings.spool).cache, fingerprint(settings.weights)
    return Wish(asked, lambda device_name: need_of(cache, asked, stamp, device_name))


class DeviceFinder:
    """Asks the GPU's driver, decides by ``gpu.placement``, and remembers why nothing can start."""

    def __init__(
        self,
        settings: Settings,
        executor: Executor,
        read_gpus: Callable[[], Readings],
    ) -> None:
        self._settings = settings
        self._executor = executor
        self._read_gpus = read_gpus
        self._policy = policy_of(settings)
        self._not_before = 0.0
        self._unfit = 0
        self._usable: bool | None = None
        self._notices: set[str] = set()
        self._wait_told: str | None = None
        self.readings = Readings()
        """The driver's last answer."""
        self.hold: str | None = None
        """Why nothing can start, though no job of ours runs."""

    def look(self) -> None:
        """Ask the driver afresh."""
        self.readings = self._read_gpus()

    def choose(self, engine: str | None, now: float, busy: bool) -> Placed | None:
        """A device for the next job, which wants ``engine``, or None: not now. ``busy``: a job of
        ours is running."""
        if now < self._not_before:
            return None
        self.look()
        choice = place(
            self.readings,
            self._policy,
            wish_of(self._settings, engine),
            Ours(self._executor.held(), cuda_usable=self._cuda_usable()),
        )
        if isinstance(choice, Waiting):
            self._wait(choice.reason, now, busy)
            return None
        self._go_on(choice)
        return choice

    def _cuda_usable(self) -> bool:
        """Asked once: the installed torch stays what it is while we run."""
        if self._usable is None:
            self._usable = cuda_usable()
        return self._usable

    def ask_anew(self) -> None:
        """Something has changed: a worker has become free."""
        if self._unfit == 0:
            self._not_before = 0.0

    def fit(self) -> None:
        """A worker has loaded the engine."""
        self._unfit = 0

    def unfit(self, reason: str, now: float) -> None:
        """A worker could not load the engine: no other job will fare better for now."""
        self._unfit += 1
        seconds = pause(self._unfit)
        self._not_before = now + seconds
        self.hold = f"the engine could not be loaded: {reason}"
        logger.error("{}; next try in {:.0f} s", self.hold, seconds)

    def _go_on(self, choice: Placed) -> None:
        if self.hold is not None:
            logger.info("the queue goes on: {} can take a job", choice.device.name)
        self.hold = None
        self._wait_told = None
        if choice.notice is not None and choice.notice not in self._notices:
            self._notices.add(choice.notice)
            logger.warning(choice.notice)

    def _wait(self, reason: str, now: float, busy: bool) -> None:
        self._not_before = now + ASK_AGAIN_SECONDS
        self.hold = None if busy else reason
        pattern = re.sub(r"\d[\d.]*", "#", reason)  # figures that merely move are no news
        if not busy and pattern != self._wait_told:
            self._wait_told = pattern
            logger.warning("jobs wait for a device: {}", reason)
