"""Measures how long an honest user's jobs take alone and beside a hostile user."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from demo.samba import shared
from tests.fakes.accounts import accounts, common_group, ordinary
from tests.fuzz.ground import Ground
from tests.fuzz.life import Daemon
from tests.hostile.honest import Honest, drop_locally, drop_over_samba
from tests.hostile.local import BREACH, be_hostile_locally
from tests.hostile.over_samba import be_hostile_over_samba
from tests.hostile.processes import running

JOBS = 10
JOB_SECONDS = 2.0
"""How long the worker takes for a small job."""

MAX_RATIO = 3.0
"""The honest user's jobs may take this many times as long as alone."""

CLAIMED = ("processing", "done", "failed")
"""Where the folder of a claimed batch may be at the end."""

FIRST_SECONDS = 5.0
"""The hostile user starts so long before the first honest job."""

SETTINGS = {"SETTLE_SECONDS": "5", "SCAN_SECONDS": "1", "LONE_FILE_MINUTES": "10"}
"""As shipped."""


@dataclass
class HostileResult:
    """What the honest user got."""

    alone: list[float] = field(default_factory=list)
    """Seconds of each job before the attack."""
    beside: list[float] = field(default_factory=list)
    """Seconds of each job during the attack; infinity: it was not published."""
    entries: int = 0
    """How many entries were in the inbox at the end."""
    wrong: list[str] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """Each job's time beside the hostile user over the usual time alone."""
        usual = statistics.median(self.alone)
        return [seconds / usual for seconds in self.beside]


def run(
    seconds: float,
    *,
    seed: int,
    over_samba: bool,
    jobs: int = JOBS,
    report: Callable[[HostileResult], object] = lambda _result: None,
) -> HostileResult:
    """Run a daemon for about ``seconds`` with an honest user beside a hostile one, after as many
    jobs of the honest user alone. Needs root. ``report`` gets the result before the cleaning-up,
    which takes minutes on some disks."""
    result = HostileResult()
    with tempfile.TemporaryDirectory(prefix="heygem-hostile-", ignore_cleanup_errors=True) as new:
        ground = _prepare(Path(new))
        group = common_group()
        before = ground.canaries()
        daemon = Daemon(
            ground.spool,
            settings=SETTINGS,
            job_seconds=JOB_SECONDS,
            limit=partial(ordinary, group=group, rights="-all,+lease"),
        )
        daemon.start()
        try:
            with _users(ground, group, seed, over_samba=over_samba) as (honest, hostile):
                result.alone = _drop(honest, "alone", jobs, 0.0)
                with running(hostile):
                    time.sleep(FIRST_SECONDS)
                    result.beside = _drop(honest, "honest", jobs, seconds / jobs)
            result.entries = len(os.listdir(ground.spool / "inbox"))  # noqa: PTH208
            result.wrong += _audit(daemon, result)
        finally:
            daemon.kill()
        if ground.canaries() != before:
            result.wrong.append("a file outside of the spool was touched")
        result.wrong += ground.leaks()
        if any(any((ground.spool / part).glob(f"*/{BREACH}")) for part in CLAIMED):
            result.wrong.append("the hostile user wrote beside a claimed folder")
        report(result)
    return result


def _prepare(folder: Path) -> Ground:
    """Make the spool's folder as an installation does; the daemon makes the others in it."""
    folder.chmod(0o755)
    ground = Ground(folder)
    ground.make_canaries()
    ground.spool.mkdir()
    os.chown(ground.spool, -1, common_group())
    ground.spool.chmod(0o2755)
    return ground


@contextmanager
def _users(
    ground: Ground, group: int, seed: int, *, over_samba: bool
) -> Iterator[tuple[Honest, Callable[[], None]]]:
    """Yield the honest user, and what the hostile one does."""
    names = accounts(2)
    with ExitStack() as stack:
        if over_samba:
            samba = ground.folder / "samba"
            samba.mkdir()
            client = stack.enter_context(shared(ground.spool, samba, users=names))
            honest = Honest(ground.spool, partial(drop_over_samba, client))
            yield honest, partial(be_hostile_over_samba, client.as_user(names[1]), seed)
        else:
            honest = Honest(ground.spool, partial(drop_locally, ground.spool, names[0], group))
            yield honest, partial(be_hostile_locally, ground.folder, names[1], group, seed)


def _drop(honest: Honest, name: str, jobs: int, interval: float) -> list[float]:
    """Drop ``jobs`` pairs one after the other, one in ``interval`` seconds; return their times."""
    times = []
    for number in range(jobs):
        started = time.monotonic()
        times.append(honest.drop_and_wait(f"{name}-{number}", patience=max(120.0, 2 * interval)))
        time.sleep(max(0.0, interval - (time.monotonic() - started)))
    return times


def _audit(daemon: Daemon, result: HostileResult) -> list[str]:
    wrong = []
    if not daemon.is_alive():
        wrong.append("the daemon died")
    elif (status := daemon.stop()) != 0:
        wrong.append(f"the daemon did not stop cleanly: {status}")
    if lost := result.beside.count(float("inf")):
        wrong.append(f"{lost} honest jobs were not published")
    elif max(result.ratios) > MAX_RATIO:
        wrong.append(f"an honest job took {max(result.ratios):.1f} times as long as alone")
    return wrong
