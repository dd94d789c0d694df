"""What a campaign does to a cluster, and what is wrong at its end."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from heygem_daemon.media.video_reader import VideoReader
from tests.cluster.daemon import PICTURES, Daemon
from tests.cluster.machines import Machines
from tests.cluster.moves import Death, Move, find_moves
from tests.cluster.networks import Network

PAUSE_SECONDS = 12.0
"""How long a node is paused or cut off: longer than the daemon waits for it."""
BETWEEN_SECONDS = (8.0, 16.0)
"""Between two deaths."""
ELSEWHERE_SECONDS = 15.0
"""Within which the jobs of a dead node start elsewhere."""


@dataclass
class Campaign:
    """A daemon, nodes, and what happens to them."""

    machines: Machines
    daemon: Daemon
    jobs: int
    at_once: int
    """How many jobs are in the spool: fewer than places, or those of a dead node wait for one."""
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    """How often each thing was done."""
    network: Network | None = None
    """Where each node is in a namespace of its own."""
    deaths: list[Death] = field(default_factory=list)
    restarts: list[datetime] = field(default_factory=list)
    """When the daemon or the head was killed."""
    seen: dict[str, str] = field(default_factory=dict)
    """The hash of each result when it was first seen."""
    away: dict[str, tuple[float, Callable[[], None]]] = field(default_factory=dict)
    """When each node that is paused or cut off goes on, and what lets it."""
    dropped: int = 0

    def run(self, seconds: float) -> list[str]:
        """Let things happen until all jobs are done; return what is wrong."""
        began, next_at = time.monotonic(), 0.0
        restarts = [self.jobs // 3, 2 * self.jobs // 3]
        heads = [self.jobs // 4, self.jobs // 2]
        while len(self.results()) < self.jobs and time.monotonic() - began < seconds:
            self.note_results()
            self._drop()
            self._let_go_on()
            self.machines.keep()
            if heads and len(self.results()) >= heads[0] and self._at_work():
                heads.pop(0)
                self._note("head restarted")
                self.machines.kill_head()
            if restarts and len(self.results()) >= restarts[0]:
                restarts.pop(0)
                self._restart()
            if time.monotonic() - began > next_at:
                next_at = time.monotonic() - began + self.chance.uniform(*BETWEEN_SECONDS)
                self._harm()
            time.sleep(0.2)
        for _, go_on in self.away.values():
            go_on()
        return self.faults()

    def moves(self) -> list[Move]:
        return find_moves(self.daemon.log, self.deaths, self.restarts)

    def results(self) -> list[Path]:
        return list((self.daemon.spool / "outbox").glob("*.mp4"))

    def note_results(self) -> None:
        for path in self.results():
            if path.name not in self.seen:
                self.seen[path.name] = sha256(path.read_bytes()).hexdigest()

    def faults(self) -> list[str]:
        """Return what is wrong with the outcome."""
        time.sleep(3.0)  # the last publication moves its inputs
        self.note_results()
        wanted = {f"job{each}.mp4" for each in range(self.jobs)}
        found = {path.name for path in self.results()}
        faults = [f"lost: {name}" for name in sorted(wanted - found)]
        faults += [f"doubled: {name}" for name in sorted(found - wanted)]
        faults += [f"in failed/: {path.name}" for path in (self.daemon.spool / "failed").iterdir()]
        for path in self.results():
            if sha256(path.read_bytes()).hexdigest() != self.seen[path.name]:
                faults.append(f"changed after it was published: {path.name}")
            with VideoReader(path) as reader:
                if sum(1 for _ in reader.read_range(0, PICTURES)) != PICTURES:
                    faults.append(f"unfinished: {path.name}")
        slow = [each for each in self.moves() if each.seconds > ELSEWHERE_SECONDS]
        faults += [f"started elsewhere after {each.seconds:.1f} s, {each.kind}" for each in slow]
        return faults

    def _drop(self) -> None:
        while self.dropped < self.jobs and self.dropped - len(self.results()) < self.at_once:
            self.daemon.drop(f"job{self.dropped}")
            self.dropped += 1

    def _harm(self) -> None:
        whole = self._at_work()
        if not whole:
            return
        name = self.chance.choice(whole)
        kinds = ["node killed", "agent killed", "agent stopped", "node paused"]
        kind = self.chance.choice([*kinds, *(["node cut off"] if self.network else [])])
        with suppress(LookupError, ProcessLookupError):  # it has no agent yet, or no more
            if kind == "node killed":
                self._note(kind, name)
                self.machines.nodes[name].kill()
            elif kind == "node paused":
                self._pause(name)
            elif self.network is not None and kind == "node cut off":
                network = self.network
                self._note(kind, name)
                network.cut(name)
                self.away[name] = (time.monotonic() + PAUSE_SECONDS, lambda: network.mend(name))
            else:
                how = signal.SIGKILL if kind == "agent killed" else signal.SIGSTOP
                agent = self.machines.agent(name)
                self._note(kind, name)
                os.kill(agent, how)

    def _at_work(self) -> list[str]:
        """Return the nodes that have an agent; the death of another would show nothing."""
        found = []
        for name in self.machines.nodes:
            with suppress(LookupError):
                if name not in self.away and self.machines.agent(name):
                    found.append(name)
        return found

    def _pause(self, name: str) -> None:
        node = self.machines.nodes[name]
        processes = node.processes()
        self._note("node paused", name)
        node.send(signal.SIGSTOP, processes)
        until = time.monotonic() + PAUSE_SECONDS
        self.away[name] = (until, lambda: node.send(signal.SIGCONT, processes))

    def _let_go_on(self) -> None:
        for name, (until, go_on) in list(self.away.items()):
            if time.monotonic() > until:
                del self.away[name]
                go_on()

    def _note(self, kind: str, node: str = "") -> None:
        print(f"{datetime.now(UTC)} {kind} {node}", flush=True)  # noqa: T201
        self.done[kind] += 1
        if node:
            self.deaths.append(Death(datetime.now(UTC), node))
        else:
            self.restarts.append(datetime.now(UTC))

    def _restart(self) -> None:
        self._note("daemon killed")
        self.daemon.kill()
        self.daemon.start()
