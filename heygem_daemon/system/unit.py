"""The systemd unit that the daemon runs in, or is installed as: its name and its properties."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_UNIT = "heygem-daemon.service"
CGROUP = Path("/proc/self/cgroup")
ANSWER_SECONDS = 5.0
"""How long systemd may take to answer."""

PROPERTIES = (
    "LoadState",
    "Wants",
    "Listen",
    "TimeoutStopUSec",
    "ProtectHome",
    "ProtectSystem",
    "ReadWritePaths",
    "BindPaths",
    "PrivateTmp",
    "StateDirectory",
    "CacheDirectory",
    "LogsDirectory",
    "PrivateNetwork",
    "RestrictAddressFamilies",
    "IPAddressAllow",
    "IPAddressDeny",
)

Show = Callable[[Sequence[str]], str]
"""Runs a command and returns its output. Raises OSError or SubprocessError."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A loaded unit."""

    name: str
    properties: Mapping[str, str] = field(default_factory=dict)
    """As `systemctl show` prints them. Times are words, as '3min 20s'."""

    @property
    def stop_seconds(self) -> float | None:
        """How long systemd waits for the end of a stop; None: for ever, or not known."""
        return parse_time(self.properties.get("TimeoutStopUSec", ""))


def own_unit_name(cgroup: Path = CGROUP, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the service that this process runs in; None: systemd has not started it."""
    if "INVOCATION_ID" not in environment:
        return None
    try:
        text = cgroup.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    if "/user.slice/" in text:  # A desktop's session also runs in units, of the user's own systemd.
        return None
    names = re.findall(r"/([^/\n]+\.service)(?:/|$)", text, re.MULTILINE)
    return names[-1] if names else None


def find_unit(name: str | None = None, show: Show | None = None) -> Unit | None:
    """Return the unit ``name`` (None: the one that this process runs in, or else the usual one) as
    systemd has loaded it; None: it is not loaded, or systemd does not answer."""
    wanted = name or own_unit_name() or DEFAULT_UNIT
    command = ["systemctl", "show", wanted, "--no-pager", *(f"--property={p}" for p in PROPERTIES)]
    try:
        text = (show or _run)(command)
    except (OSError, subprocess.SubprocessError):
        return None
    properties: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        # What has several values may have a line for each.
        properties[key] = f"{properties[key]} {value}" if key in properties else value
    return Unit(wanted, properties) if properties.get("LoadState") == "loaded" else None


def parse_time(text: str) -> float | None:
    """Return the seconds of a time as systemd.time(7) writes it, '3min 20s'; None for 'infinity'
    and for what is none."""
    units = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
    parts = [re.fullmatch(r"(\d+(?:\.\d+)?)(us|ms|s|min|h|d|w)", part) for part in text.split()]
    if not parts:
        return None
    total = 0.0
    for part in parts:
        if part is None:
            return None
        total += float(part[1]) * units[part[2]]
    return total


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=ANSWER_SECONDS,
        check=True,
        text=True,
        errors="replace",
    )
    return done.stdout
