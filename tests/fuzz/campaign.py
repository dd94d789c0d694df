"""Runs real daemons among hostile files for a given time, and audits each spool afterwards."""

import itertools
import json
import os
import random
import re
import stat
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from heygem_daemon.service.notices import unusable_reason
from heygem_daemon.spool.names import is_ignored, is_sidecar, printable
from tests.fuzz import media, records, text, trees
from tests.fuzz.ground import Ground
from tests.fuzz.life import Daemon, wait_until

KINDS: dict[str, Callable[[Ground, random.Random, range], None]] = {
    "sidecars": text.attack,
    "records": records.attack,
    "media": media.attack,
    "trees": trees.attack,
}
HONEST = 3
"""Number of honest pairs in each round: before the attack, after it, after another start."""

NO_PAIR = re.compile("none holds (a sound|pictures)")
DRAIN_SECONDS = 300.0
"""A round that is not finished by then has jobs without a verdict."""

QUIET_SECONDS = 2.0
MAX_LOG_BYTES = 10_000_000
MAX_STATUS_BYTES = 2_000_000
BUG = 70
"""The exit status of the program after a bug."""

_ERROR = re.compile(
    r"^ *[A-Za-z_][\w.]*(?:Error|Exception|Exit|Unavailable)(?:: .*)?$", re.MULTILINE
)
_GROUPED = re.compile(r"\((\d+) such files\)$")


@dataclass
class FuzzResult:
    """The counts and findings of a campaign."""

    seed: int
    rounds: Counter[str] = field(default_factory=Counter)
    """Number of rounds by kind."""
    items: Counter[str] = field(default_factory=Counter)
    """Number of files and folders that were put into spools, by kind."""
    starts: int = 0
    published: int = 0
    failed: int = 0
    honest: int = 0
    """Honest pairs that were published."""
    bugs: int = 0
    """Tracebacks in logs: errors that the daemon isolated and survived."""
    tracebacks: Counter[str] = field(default_factory=Counter)
    """The last lines of these tracebacks."""
    wrong: list[str] = field(default_factory=list)
    """The violations, each with the kind and the round."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign does."""

    seed: int
    seconds: float
    count: int
    """About how many hostile things a round has."""
    kinds: tuple[str, ...] = tuple(KINDS)
    single_round: int | None = None
    """Run only the round of this number; None: run until the time is over."""
    at_once: int = 2
    """How many rounds run at the same time."""
    folder: Path | None = None
    """Where to keep the spools; None: they are deleted."""


def run(plan: Plan) -> FuzzResult:
    """Run rounds until the time is over, but at least one of each kind."""
    result = FuzzResult(plan.seed)
    if plan.single_round is not None:
        _run_round(plan, plan.single_round, result)
        return result
    deadline = time.monotonic() + plan.seconds
    numbers = itertools.count()

    def work() -> None:
        while (number := next(numbers)) < len(plan.kinds) or time.monotonic() < deadline:
            _run_round(plan, number, result)

    with ThreadPoolExecutor(plan.at_once) as pool:
        for _ in range(plan.at_once):
            pool.submit(work)
    return result


def _run_round(plan: Plan, number: int, result: FuzzResult) -> None:
    kind = plan.kinds[number % len(plan.kinds)]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="heygem-fuzz-", ignore_cleanup_errors=True) as new:
        folder = plan.folder / f"{number:04d}" if plan.folder else Path(new)
        try:
            wrong = list(Round(kind, f"{plan.seed}/{number}", folder, result).run(plan.count))
        except Exception as error:  # noqa: BLE001 - a round that cannot be finished is a finding
            wrong = [f"the round was not finished: {error}"]
    violations = [f"{kind}, seed {plan.seed}, round {number}: {each}" for each in wrong]
    result.wrong += violations
    # A campaign that is ended from outside prints no table; this tells how far it was.
    took = f"round {number}, {kind}: {time.monotonic() - began:.0f} s"
    sys.stderr.write("\n".join([took, *violations]) + "\n")


class Round:
    """One daemon on one new spool, with one kind of attack."""

    def __init__(self, kind: str, seed: str, folder: Path, result: FuzzResult) -> None:
        self._kind = kind
        self._chance = random.Random(seed)
        self._ground = Ground(folder)
        self._daemon = Daemon(self._ground.spool, with_decoding=kind == "media")
        self._result = result
        self._honest: dict[str, bytes] = {}

    def run(self, count: int) -> Iterator[str]:
        """Run the round and yield its violations."""
        self._ground.prepare()
        before = self._ground.canaries()
        # A part of the attack is there before the first start.
        early = self._chance.randint(0, count // 2)
        KINDS[self._kind](self._ground, self._chance, range(early))
        try:
            self._daemon.start()
            self._drop_honest()
            yield from self._attack_and_restart(range(early, count))
        finally:
            self._daemon.kill()
            self._count_results()
        yield from self._audit()
        if self._ground.canaries() != before:
            yield "a file outside of the spool was touched"

    def _attack_and_restart(self, numbers: range) -> Iterator[str]:
        KINDS[self._kind](self._ground, self._chance, numbers)
        self._drop_honest()
        yield from self._drain()
        if (status := self._daemon.stop()) != 0:
            yield f"the daemon did not stop cleanly: {status}"
        self._daemon.start()
        self._drop_honest()
        yield from self._drain()
        if self._kind in ("records", "trees"):
            yield from self._run_commands()
        if (status := self._daemon.stop()) != 0:
            yield f"the daemon did not stop cleanly: {status}"
        self._result.starts += 2

    def _drop_honest(self) -> None:
        name = f"honest-{len(self._honest)}"
        audio, video = self._chance.randbytes(50), self._chance.randbytes(50)
        if self._kind == "media":
            audio, video = media.clips()["wav"], media.clips()["mp4"]
        self._honest[name] = video
        self._ground.pair(name, audio, video)

    def _drain(self) -> Iterator[str]:
        """Wait until the daemon has nothing to do any more."""
        last: list[object] = [None, time.monotonic()]

        def is_quiet() -> bool:
            found = (self._names("inbox"), self._names("processing"))
            if found != last[0]:
                last[:] = [found, time.monotonic()]
            waited = time.monotonic() - float(str(last[1])) > QUIET_SECONDS
            return not self._daemon.is_alive() or (waited and self._are_all_ended())

        if not wait_until(is_quiet, DRAIN_SECONDS):
            yield f"jobs without a verdict after {DRAIN_SECONDS:.0f} s"
        if not self._daemon.is_alive():
            raise RuntimeError("the daemon died")

    def _names(self, folder: str) -> list[str]:
        with suppress(FileNotFoundError):
            return sorted(path.name for path in (self._ground.spool / folder).iterdir())
        return []

    def _are_all_ended(self) -> bool:
        """Return whether every job that the daemon must claim has left inbox/ and processing/,
        or the status says that its damaged files are no pair any more."""
        left = [path for path in self._ground.jobs if (self._ground.spool / path).exists()]
        waiting = bool(left) and not {Path(path).name for path in left} <= self._unpaired()
        claimed = self._names("processing")
        return not waiting and not claimed and not list(self._unpublished_honest())

    def _unpaired(self) -> set[str]:
        """Return the names in the inbox of which the status says that no sound, or no picture, is
        among them: the damage has made one look like the other to the demuxer. Only media are
        damaged so."""
        if self._kind != "media" or not self._daemon.status.exists():
            return set()
        entries = json.loads(self._daemon.status.read_bytes())["inbox"]
        return {each["name"] for each in entries if NO_PAIR.search(each["reason"])}

    def _unpublished_honest(self) -> Iterator[str]:
        for name, video in self._honest.items():
            result = self._ground.spool / "outbox" / f"{name}.mp4"
            if not result.is_file() or result.read_bytes() != video:
                yield name

    def _run_commands(self) -> Iterator[str]:
        """Run the other commands, which read the same records. None may end with a bug."""
        forged = [name for name in self._names("failed") if not name.startswith("honest")]
        some = self._chance.choice(forged) if forged else "missing"
        for command in (("status",), ("purge", "--dry-run"), ("purge",), ("retry", some)):
            ended = self._daemon.command(*command, RETENTION_DAYS="1")
            if ended.returncode < 0 or ended.returncode == BUG or "Traceback" in ended.stderr:
                yield f"{command[0]} ended with {ended.returncode}: {ended.stderr[-300:]}"
        yield from self._drain()

    def _audit(self) -> Iterator[str]:
        yield from self._ground.lost()
        yield from self._ground.leaks()
        yield from (f"not published: {name}" for name in self._unpublished_honest())
        yield from (f"no verdict: processing/{name}" for name in self._names("processing"))
        yield from (f"no notice: inbox/{name!r}" for name in self._unexplained())
        yield from self._sizes()

    def _unexplained(self) -> Iterator[str]:
        """Yield the names in the inbox of which neither log nor status says why they are there."""
        told = self._texts()
        unnamed = [
            name
            for name in self._names("inbox")
            if not (is_ignored(name) or is_sidecar(name) or name.endswith(".ready"))
            and not self._is_no_medium(name)
            and printable(name)[:40] not in told
        ]
        # The status names some of many, and says how many it leaves out.
        if len(unnamed) > self._counted():
            yield from unnamed

    def _is_no_medium(self, name: str) -> bool:
        """Return whether the entry is left alone quietly: no folder, and no medium by its name."""
        is_folder = stat.S_ISDIR(os.lstat(self._ground.spool / "inbox" / name).st_mode)
        return not is_folder and unusable_reason(name) is None

    def _counted(self) -> int:
        """Return how many entries of the inbox the status counts without naming them."""
        if not self._daemon.status.exists():
            return 0
        status = json.loads(self._daemon.status.read_bytes())
        grouped = (_GROUPED.search(entry["name"]) for entry in status["inbox"])
        return int(status["unlisted"]["inbox"]) + sum(int(each[1]) for each in grouped if each)

    def _texts(self) -> str:
        files = (self._daemon.status, self._daemon.console)
        raw = b"".join(file.read_bytes() for file in files if file.exists())
        escaped = raw.decode(errors="replace")
        return escaped + escaped.encode().decode("unicode_escape", errors="replace")

    def _sizes(self) -> Iterator[str]:
        if (size := self._daemon.console.stat().st_size) > MAX_LOG_BYTES:
            yield f"the log has {size} bytes"
        with suppress(FileNotFoundError):
            if (size := self._daemon.status.stat().st_size) > MAX_STATUS_BYTES:
                yield f"the status has {size} bytes"

    def _count_results(self) -> None:
        result, spool = self._result, self._ground.spool
        result.rounds[self._kind] += 1
        result.items[self._kind] += len(self._ground.items)
        published = [name for name in self._names("outbox") if name.endswith(".mp4")]
        result.published += len(published)
        result.honest += len(self._honest) - len(list(self._unpublished_honest()))
        reasons = (spool / "failed").rglob("reason.txt")
        result.failed += sum("forged-" not in str(path) for path in reasons)
        if self._daemon.console.exists():
            ends = last_lines(self._daemon.console.read_text(errors="replace"))
            result.bugs += len(ends)
            result.tracebacks.update(f"{self._kind}: {line[:200]}" for line in ends)


def last_lines(log: str) -> list[str]:
    """Return the last line of each traceback in a log."""
    parts = log.split("Traceback (most recent call last):")[1:]
    ends = (_ERROR.search(part) for part in parts)
    return [end[0].strip() if end else "cut off" for end in ends]
