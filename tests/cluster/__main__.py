"""A campaign: jobs on a cluster of one machine whose nodes are killed and paused at random.

Run ``python -m tests.cluster --jobs 100``. It takes about ten seconds a job on two cores. The
daemon itself is killed twice. At the end every job has one result, and none ever looked finished
that was not.
"""

import argparse
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from heygem_daemon.media.video_reader import VideoReader
from tests.cluster.machines import PICTURES, Daemon, Machines

NODES = 3
"""Beside the daemon's machine."""
PAUSE_SECONDS = 12.0
"""How long a paused node is paused: longer than the daemon waits for it."""
BETWEEN_SECONDS = (8.0, 16.0)
"""Between two deaths."""


@dataclass
class Campaign:
    """A daemon, nodes, and what happens to them."""

    machines: Machines
    daemon: Daemon
    jobs: int
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    """How often each thing was done."""
    seen: dict[str, str] = field(default_factory=dict)
    """The hash of each result when it was first seen."""
    paused: dict[str, tuple[float, list[int]]] = field(default_factory=dict)
    """When each paused node goes on, and its processes."""
    names: int = NODES
    """How many names of nodes were used."""

    def run(self, seconds: float) -> list[str]:
        """Let things happen until all jobs are done; return what is wrong."""
        began, next_at, restarts = time.monotonic(), 0.0, [self.jobs // 3, 2 * self.jobs // 3]
        while len(self.results()) < self.jobs and time.monotonic() - began < seconds:
            self.note_results()
            self._let_go_on()
            if restarts and len(self.results()) >= restarts[0]:
                restarts.pop(0)
                self._restart()
            if time.monotonic() - began > next_at:
                next_at = time.monotonic() - began + self.chance.uniform(*BETWEEN_SECONDS)
                self._harm()
            time.sleep(0.2)
        for name in list(self.paused):
            self._go_on(name)
        return self.faults()

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
        return faults

    def _harm(self) -> None:
        whole = [name for name in self.machines.nodes if name not in self.paused]
        if not whole:
            return
        name = self.chance.choice(whole)
        kind = self.chance.choice(["node killed", "agent killed", "agent stopped", "node paused"])
        with suppress(LookupError, ProcessLookupError):  # it has no agent yet, or no more
            if kind == "node killed":
                os.kill(self.machines.raylet(name), signal.SIGKILL)
                del self.machines.nodes[name]
                self.names += 1
                self.machines.add(f"node{self.names}")
            elif kind == "node paused":
                processes = self.machines.processes(name)
                for each in processes:
                    os.kill(each, signal.SIGSTOP)
                self.paused[name] = (time.monotonic() + PAUSE_SECONDS, processes)
            else:
                how = signal.SIGKILL if kind == "agent killed" else signal.SIGSTOP
                os.kill(self.machines.agent(name), how)
            self.done[kind] += 1

    def _let_go_on(self) -> None:
        for name, (until, _) in list(self.paused.items()):
            if time.monotonic() > until:
                self._go_on(name)

    def _go_on(self, name: str) -> None:
        for each in self.paused.pop(name)[1]:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)

    def _restart(self) -> None:
        self.daemon.kill()
        self.done["daemon killed"] += 1
        self.daemon.start()


def main() -> int:
    """Run a campaign; return 1 where a job was lost, doubled or shown unfinished."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3600.0, help="give up after these")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cluster-campaign-"))
    machines = Machines()
    for number in range(NODES):
        machines.add(f"node{number + 1}")
    daemon = Daemon(folder / "spool", machines.address)
    began = time.monotonic()
    try:
        daemon.wait_for("is here", NODES)
        daemon.drop(*(f"job{each}" for each in range(arguments.jobs)))
        campaign = Campaign(machines, daemon, arguments.jobs, random.Random(arguments.seed))
        faults = campaign.run(arguments.seconds)
        log = daemon.log
        print(f"{arguments.jobs} jobs in {time.monotonic() - began:.0f} s; {dict(campaign.done)}")  # noqa: T201
        print(f"nodes lost: {log.count('event=node_away')}; starts: {log.count('job started')}")  # noqa: T201
        print(*(faults or ["0 lost, 0 doubled, 0 unfinished"]), sep="\n")  # noqa: T201
    finally:
        daemon.close()
        machines.close()
    if not faults:
        shutil.rmtree(folder)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
