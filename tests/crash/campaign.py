"""Many lives on one spool: murder at every step, at random moments, of daemon, worker and both."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.crash.drops import Users
from tests.crash.ledger import Ledger
from tests.crash.life import Daemon, Death, Fate
from tests.crash.witness import Seen, look, notes_of, watching

MORTAL = ("render", "render", "render", "refuse", "crash", "defer", "poison")
IMMORTAL = ("render", "render", "render", "refuse", "defer")
"""What jobs ask for where attempts are scarce, and where they are not: there none may crash."""

DROPS = 40
"""Pairs and folders on each spool; every fourth is a folder."""

MOST_SPOOLS = 8
"""After which a step that was never come by is taken to be there no more."""

LATER_DAYS = 30.0
"""When all that came of a spool is purged."""


@dataclass
class Tally:
    """What a campaign has come to. ``steps`` are those at which a daemon or a command died;
    ``kills`` counts by victim: daemon, worker or both."""

    steps: set[str] = field(default_factory=set)
    kills: Counter[str] = field(default_factory=Counter)
    spools: int = 0
    jobs: int = 0
    published: int = 0
    failed: int = 0
    seen: int = 0
    """Files that the witness saw appear in the outboxes."""
    wrong: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.kills.values())


class Campaign:
    """Spool after spool below ``folder``; the same ``seed`` makes the same choices."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._chance = random.Random(seed)
        self.tally = Tally()

    def run(self, kills: int, sweep: bool, reach: Sequence[str] = ()) -> Tally:
        """Go on until so many kills are survived, and until steps whose names begin with each of
        ``reach`` are among those died at, within MOST_SPOOLS; with ``sweep`` also until two spools
        in a row have brought no step that is new."""
        idle = 0
        while self.tally.total < kills or (sweep and idle < 2) or self._lacks(reach):
            known = len(self.tally.steps)
            self._work_off(self._folder / f"{self.tally.spools:03d}")
            idle = idle + 1 if len(self.tally.steps) == known else 0
        return self.tally

    def _lacks(self, reach: Sequence[str]) -> bool:
        return self.tally.spools < MOST_SPOOLS and not all(
            any(step.startswith(begin) for step in self.tally.steps) for begin in reach
        )

    def _work_off(self, folder: Path) -> None:
        """A spool from its first job to its last, and to the purge of all that came of them."""
        root = folder / "spool"
        (root / "inbox").mkdir(parents=True)
        # Every second one gives jobs up early: their failing has steps of its own.
        mortal = self.tally.spools % 2 == 0
        daemon = Daemon(root, {"max_attempts": 3 if mortal else 100})
        ledger = Ledger(root)
        users = Users(self._chance, MORTAL if mortal else IMMORTAL)
        drops = [users.batch if number % 4 == 0 else users.pair for number in range(DROPS)]
        left: Seen = set()
        with watching(root / "outbox", folder / "seen.json"):
            self._live(daemon, left, [partial(ledger.drop, make) for make in drops])
            self._retry(daemon, ledger)
            self._live(daemon, left)
        self._audit(ledger, folder / "seen.json")
        self._purge(daemon, ledger)
        self.tally.spools += 1

    def _live(self, daemon: Daemon, seen: Seen, drops: Sequence[Callable[[], None]] = ()) -> None:
        """Life after life, until one ends because nothing is left to do. Before each something is
        dropped, as long as there are ``drops``; about half of those lives end at any moment.

        What each life leaves in the outbox is looked at: a witness beside it may blink."""
        left = list(drops)
        while True:
            murder = bool(left) and self._chance.random() < 0.5
            if left:
                left.pop(0)()
            death = daemon.live(self._murder() if murder else Fate(self.tally.steps))
            self._book(death)
            self.tally.wrong += look(daemon.root / "outbox", seen)
            if death.done and not left:
                return

    def _murder(self) -> Fate:
        kind = self._chance.choice(("moment", "moment", "worker", "both"))
        if kind == "moment":
            return Fate(seconds=self._chance.uniform(0.0, 0.2))
        return Fate(worker=f"{kind}:{self._chance.randint(1, 12)}")

    def _retry(self, daemon: Daemon, ledger: Ledger) -> None:
        """Someone puts every failed job back, and is killed at it."""
        for name in ledger.failed():
            death = Death(killed=True)
            while death.killed and name in ledger.failed():
                death = daemon.retry(name, Fate(self.tally.steps))
                self._book(death)

    def _purge(self, daemon: Daemon, ledger: Ledger) -> None:
        """All that came of the jobs is deleted; a start makes good what a killed purge left."""
        death = Death(killed=True)
        while death.killed:
            death = daemon.purge(LATER_DAYS, Fate(self.tally.steps))
            self._book(death)
        self._live(daemon, set())
        daemon.purge(LATER_DAYS, Fate())
        self.tally.wrong += [f"not purged: {path}" for path in ledger.remains()]

    def _book(self, death: Death) -> None:
        if death.step:
            self.tally.steps.add(death.step)
        self.tally.kills.update(death.victims)

    def _audit(self, ledger: Ledger, notes: Path) -> None:
        seen = notes_of(notes)
        self.tally.wrong += [*seen.wrong, *ledger.audit()]
        self.tally.seen += seen.files
        self.tally.jobs += ledger.jobs()
        self.tally.published += len(ledger.results())
        self.tally.failed += len(ledger.failed())
