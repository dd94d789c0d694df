"""Runs daemons on many spools and kills them: at every step, at random moments, with the worker."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from heygem_daemon.page import folder_pages, writer  # noqa: F401 - each child would import them
from heygem_daemon.page.renderer import PageRenderer
from tests.crash.drops import Users
from tests.crash.ledger import Ledger
from tests.crash.life import Daemon, KillPlan, RunEnd
from tests.crash.witness import Seen, find_faults, notes_of, watching

ORDERS_FEW_ATTEMPTS = ("render", "render", "render", "refuse", "crash", "defer", "poison")
ORDERS_MANY_ATTEMPTS = ("render", "render", "render", "refuse", "defer")
"""The orders of jobs on spools with few and with many attempts. A job that always crashes would use
up many attempts one by one, so there is none among the latter."""

DROPS = 40
"""Number of drops on each spool; every fourth is a folder."""

MAX_SPOOLS = 8
"""After this many spools, a step that was never reached is considered removed from the program."""

PURGE_DAYS = 30.0
"""Days after which everything on a spool is purged."""


@dataclass
class CampaignResult:
    """The counts and findings of a campaign."""

    steps: set[str] = field(default_factory=set)
    """The steps at which a daemon or a command was killed."""
    kills: Counter[str] = field(default_factory=Counter)
    """Number of kills by victim: "daemon", "worker" or "both"."""
    spools: int = 0
    jobs: int = 0
    published: int = 0
    failed: int = 0
    seen: int = 0
    """Number of files that the witness saw appear in the outboxes."""
    wrong: list[str] = field(default_factory=list)
    """The faults: jobs that were lost, doubled or seen unfinished, files left over."""

    @property
    def total(self) -> int:
        return sum(self.kills.values())


class Campaign:
    """Works through one spool after another below ``folder``. ``seed`` determines all choices."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._chance = random.Random(seed)
        self.result = CampaignResult()
        PageRenderer()  # compiles the templates here: each child would do it anew

    def run(self, kills: int, sweep: bool, reach: Sequence[str] = ()) -> CampaignResult:
        """Work on spools until there were ``kills`` kills.

        For each of ``reach`` one kill must be at a step whose name begins with it; for this, the
        campaign ends after MAX_SPOOLS spools. With ``sweep`` it also continues until two spools in
        a row brought no new step.
        """
        idle = 0
        while self.result.total < kills or (sweep and idle < 2) or self._has_unreached(reach):
            steps_before = len(self.result.steps)
            self._run_spool(self._folder / f"{self.result.spools:03d}")
            idle = idle + 1 if len(self.result.steps) == steps_before else 0
        return self.result

    def _has_unreached(self, reach: Sequence[str]) -> bool:
        return self.result.spools < MAX_SPOOLS and not all(
            any(step.startswith(begin) for step in self.result.steps) for begin in reach
        )

    def _run_spool(self, folder: Path) -> None:
        """Work on a new spool from its first drop to the purge of all results."""
        root = folder / "spool"
        (root / "inbox").mkdir(parents=True)
        # On every second spool jobs fail early, since failing has steps of its own.
        few_attempts = self.result.spools % 2 == 0
        daemon = Daemon(root, {"max_attempts": 3 if few_attempts else 100})
        ledger = Ledger(root)
        users = Users(self._chance, ORDERS_FEW_ATTEMPTS if few_attempts else ORDERS_MANY_ATTEMPTS)
        drops = [users.batch if number % 4 == 0 else users.pair for number in range(DROPS)]
        seen: Seen = set()
        with watching(root / "outbox", folder / "seen.json"):
            self._run_daemon(daemon, seen, [partial(ledger.drop, make) for make in drops])
            self._retry(daemon, ledger)
            self._run_daemon(daemon, seen)
        self._audit(ledger, folder / "seen.json")
        self._purge(daemon, ledger)
        self.result.spools += 1

    def _run_daemon(
        self, daemon: Daemon, seen: Seen, drops: Sequence[Callable[[], None]] = ()
    ) -> None:
        """Run the daemon until one run ends because nothing is left to do.

        Before each run one of ``drops`` is made, as long as there are any. About half of those
        runs are killed at a random moment, the others at a new step. The outbox is checked after
        each run too, since the witness can miss files that exist only for a short time.
        """
        left = list(drops)
        while True:
            at_random = bool(left) and self._chance.random() < 0.5
            if left:
                left.pop(0)()
            end = daemon.run(self._random_plan() if at_random else KillPlan(self.result.steps))
            self._count(end)
            self.result.wrong += find_faults(daemon.root / "outbox", seen)
            if end.done and not left:
                return

    def _random_plan(self) -> KillPlan:
        kind = self._chance.choice(("moment", "moment", "worker", "both"))
        if kind == "moment":
            return KillPlan(seconds=self._chance.uniform(0.0, 0.2))
        return KillPlan(worker=f"{kind}:{self._chance.randint(1, 12)}")

    def _retry(self, daemon: Daemon, ledger: Ledger) -> None:
        """Retry every failed job, with kills."""
        for name in ledger.failed():
            end = RunEnd(killed=True)
            while end.killed and name in ledger.failed():
                end = daemon.retry(name, KillPlan(self.result.steps))
                self._count(end)

    def _purge(self, daemon: Daemon, ledger: Ledger) -> None:
        """Purge everything, with kills. A run of the daemon repairs what a killed purge left."""
        end = RunEnd(killed=True)
        while end.killed:
            end = daemon.purge(PURGE_DAYS, KillPlan(self.result.steps))
            self._count(end)
        self._run_daemon(daemon, set())
        daemon.purge(PURGE_DAYS, KillPlan())
        self.result.wrong += [f"not purged: {path}" for path in ledger.remains()]

    def _count(self, end: RunEnd) -> None:
        if end.step:
            self.result.steps.add(end.step)
        self.result.kills.update(end.victims)

    def _audit(self, ledger: Ledger, notes: Path) -> None:
        seen = notes_of(notes)
        self.result.wrong += [*seen.wrong, *ledger.audit()]
        self.result.seen += seen.files
        self.result.jobs += ledger.jobs()
        self.result.published += len(ledger.results())
        self.result.failed += len(ledger.failed())
