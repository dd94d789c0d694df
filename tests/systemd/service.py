"""The service in a container, as an administrator and its users see it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.systemd.container import SOURCE, Container

SPOOL = "/srv/heygem"
UNIT = "heygem-daemon.service"
CONFIG = "/etc/heygem-daemon/config.toml"
CURRENT = "/opt/heygem-daemon/current"
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class ServiceUnderTest:
    """The service, its spool and its journal."""

    box: Container
    media: Path
    """A folder with ``short.wav``, ``long.wav`` and ``face.mp4``."""

    def install(self, *options: str, source: str = SOURCE) -> str:
        """Run install.sh of the checkout ``source``. Raises AssertionError if it fails."""
        return self.box.run("bash", f"{source}/systemd/install.sh", *options, seconds=300)

    def install_fails(self, *options: str, source: str = SOURCE) -> str:
        """Run install.sh, which must fail, and return what it says."""
        command = ("bash", f"{source}/systemd/install.sh", *options)
        done = self.box.attempt(*command, seconds=300)
        assert done.returncode != 0
        return done.stdout.decode()

    def systemctl(self, *arguments: str) -> str:
        """Run systemctl for the unit."""
        verb, *rest = arguments
        return self.box.run("systemctl", verb, UNIT, *rest)

    def shows(self, name: str) -> str:
        """Return a property of the unit."""
        return self.box.run("systemctl", "show", UNIT, f"--property={name}", "--value").strip()

    def main_pid(self) -> int:
        """Return the daemon's process, as the container counts; 0: it does not run."""
        return int(self.shows("MainPID"))

    def worker_pid(self) -> int:
        """Return a worker of the daemon; 0: there is none."""
        found = self.box.run("pgrep", "--full", "worker.main", check=False).split()
        return int(found[0]) if found else 0

    def journal(self) -> str:
        """Return what the unit has said so far."""
        return self.box.run("journalctl", "--unit", UNIT, "--output", "cat", "--no-pager")

    def configure(self, **settings: str) -> None:
        """Set keys of the configuration, as they are written there."""
        for key, value in settings.items():
            self.box.run("sed", "-i", f"s#^{key} = .*#{key} = {value}#", CONFIG)

    def drop(self, name: str, sound: str = "short") -> None:
        """Put a pair into the inbox, as another user whose files the daemon may read."""
        for kind, source in (("wav", sound), ("mp4", "face")):
            path = f"{SPOOL}/inbox/{name}.{kind}"
            self.box.put(self.media / f"{source}.{kind}", f"/tmp/{name}.{kind}")
            self.box.run("install", "-o", "nobody", "-m", "644", f"/tmp/{name}.{kind}", path)

    def chunks_done(self) -> int:
        """Return how many chunks of the running job are on disk."""
        return len(self._list("processing/*/work/segment-*.mp4"))

    def report(self, name: str) -> dict[str, Any]:
        """Wait for a result, and return its report."""
        self.wait(lambda: self._list(f"outbox/{name}.json"), f"{name} is not published")
        text = self.box.path(f"{SPOOL}/outbox/{name}.json").read_text(encoding="utf-8")
        report: dict[str, Any] = json.loads(text)
        return report

    def failed(self) -> list[str]:
        """Return the jobs that failed."""
        return self._list("failed/*")

    def wait(self, happened: Callable[[], object], problem: str) -> None:
        """Wait until something is true. Raises AssertionError with ``problem`` and the journal."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert time.monotonic() < deadline, f"{problem}\n{self.journal()}"
            time.sleep(0.1)

    def wait_until_active(self) -> None:
        """Wait until the daemon has said that it is ready."""
        self.wait(lambda: self.shows("ActiveState") == "active", "it is not active")

    def _list(self, pattern: str) -> list[str]:
        # Asked ten times a second: a process for each look would take much of the processor.
        try:
            return [str(path) for path in self.box.path(SPOOL).glob(pattern)]
        except FileNotFoundError:  # A folder went while it was listed.
            return []
