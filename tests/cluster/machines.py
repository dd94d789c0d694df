"""A Ray cluster on this machine, started by ``ray start`` as on machines of their own.

All of it works with a token. A machine whose Ray ends is started again by ``keep``, as by systemd.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

RAY = str(Path(sys.executable).with_name("ray"))
HEAD = "the-head"
MARK = "HEYGEM_TEST_MACHINE"
"""The variable by which the processes of a machine are found: it holds the machine's folder."""
SETTINGS = {"RAY_raylet_liveness_self_check_interval_ms": "5000", "RAY_worker_niceness": "0"}
"""As in the units of docs/cluster.md: how often a node asks the head whether it belongs to the
cluster, and the niceness of what Ray starts."""
MEMORY = 80 << 20
"""Object store of a node; nothing is put into it."""
START_SECONDS = 60.0
END_SECONDS = 10.0
STARTED = "Ray runtime started"


@dataclass
class Machine:
    """A machine that runs Ray."""

    name: str
    folder: Path
    """For what Ray writes; no other machine's."""
    address: str
    prefix: Sequence[str] = ()
    """Of its commands, as those that enter a namespace."""
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    _log_begin: int = 0
    """Where in its log the last start begins."""

    def start(self, *arguments: str) -> None:
        """Start Ray. Each start has a folder of its own, as a machine that was cleaned: Ray takes
        the nodes of this machine for a head that still runs."""
        folder = self.folder / str(time.monotonic_ns())[-9:]
        folder.mkdir(parents=True)
        (self.folder / "ray.log").touch()
        self._log_begin = len(self.log)
        environment = os.environ | self.environment | {"RAY_TMPDIR": str(folder)}
        environment[MARK] = str(self.folder)
        environment["RAY_USAGE_STATS_ENABLED"] = "0"
        environment |= SETTINGS
        command = [*self.prefix, RAY, "start", *arguments, "--node-ip-address", self.address]
        command += ["--node-name", self.name, "--num-gpus", "0", "--num-cpus", "1"]
        command += ["--object-store-memory", str(MEMORY), "--block"]
        with (self.folder / "ray.log").open("ab") as output:
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return (self.folder / "ray.log").read_text(errors="replace")

    def wait(self) -> None:
        """Wait until its Ray has started, or could not."""
        deadline = time.monotonic() + START_SECONDS
        while self.is_starting():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def is_starting(self) -> bool:
        is_over = self.has_ended() or STARTED in self.log[self._log_begin :]
        return self.process is not None and not is_over

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def processes(self) -> list[int]:
        """Return the ids of its processes that live: those with its mark, and their children."""
        mark = f"{MARK}={self.folder}".encode()
        children: dict[int, list[int]] = {}
        found: list[int] = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, IndexError):
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state in "ZX":
                    continue
                children.setdefault(int(parent), []).append(int(folder.name))
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        for process in found:
            found += [each for each in children.get(process, ()) if each not in found]
        return found

    def find(self, word: bytes) -> int:
        """Return the process whose command line holds ``word``. Raises LookupError."""
        for process in self.processes():
            with suppress(OSError):
                if word in Path(f"/proc/{process}/cmdline").read_bytes():
                    return process
        raise LookupError(f"no process {word!r} on {self.name}")

    def send(self, number: int, processes: Sequence[int] | None = None) -> None:
        """Send a signal to all its processes, or to some."""
        for each in self.processes() if processes is None else processes:
            with suppress(ProcessLookupError):
                os.kill(each, number)

    def kill(self) -> None:
        """Let it die as from a loss of power."""
        deadline = time.monotonic() + END_SECONDS
        while (left := self.processes()) and time.monotonic() < deadline:
            self.send(signal.SIGKILL, left)
            time.sleep(0.1)
        if self.process is not None:
            self.process.wait(END_SECONDS)


class Machines:
    """A cluster of Ray on this machine."""

    def __init__(self, host: str | None = None) -> None:
        """``host``: the address of the head."""
        self.folder = Path(tempfile.mkdtemp(prefix="ray-"))  # Ray's sockets want a short path
        self._host = host or own_address()
        self.token = secrets.token_hex(16)
        self._port = free_port(self._host)
        self._head = Machine(HEAD, self.folder / HEAD, self._host, environment=self.environment)
        self.nodes: dict[str, Machine] = {}
        self.start_head()

    @property
    def environment(self) -> dict[str, str]:
        """What all who speak to Ray need."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}

    @property
    def address(self) -> str:
        return f"{self._host}:{self._port}"

    def add(self, name: str, environment: Mapping[str, str] | None = None) -> Machine:
        """Start a node. ``environment``: other than that of all."""
        own = self.environment if environment is None else environment
        return self.join(Machine(name, self.folder / name, self._host, environment=own))

    def join(self, machine: Machine) -> Machine:
        """Start it when the others have: two at a time would take the same names of sockets."""
        for each in self._all():
            each.wait()
        self.nodes[machine.name] = machine
        machine.start("--address", self.address)
        return machine

    def start_head(self) -> None:
        self._head.start("--head", "--port", str(self._port), "--include-dashboard", "false")

    def kill_head(self) -> None:
        """Kill all of Ray on the daemon's machine; the daemon and its link are not Ray's."""
        self._head.kill()

    def keep(self) -> None:
        """Start what has ended, as systemd does."""
        for each in self._all():
            if any(other.is_starting() for other in self._all()):
                return
            if each.has_ended():
                each.kill()
                if each is self._head:
                    self.start_head()
                else:
                    each.start("--address", self.address)

    def _all(self) -> list[Machine]:
        return [self._head, *self.nodes.values()]

    def raylet(self, name: str) -> int:
        return self.nodes[name].find(b"raylet/raylet")

    def agent(self, name: str) -> int:
        return self.nodes[name].find(b"NodeAgent")

    def close(self) -> None:
        for each in self._all():
            each.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def own_address() -> str:
    """Return the address of this machine: Ray does not use that of the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent
        return str(probe.getsockname()[0])


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
