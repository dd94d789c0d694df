"""Machines in network namespaces of their own, which a bridge connects; needs root.

Each has its own address, and mounts the spool elsewhere; at the daemon's path it sees an empty
folder. It is a bind mount: what NFS or SMB do is not in it.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.cluster.machines import Machine

ENTER = 'mount --bind "$1" "$2" && mount -t tmpfs none "$1" && shift 2 && exec "$@"'
"""Commands of a shell that mounts the spool ``$1`` at ``$2``, and becomes the rest. ``ip netns
exec`` gives it mounts of its own."""


class Network:
    """A bridge, and the namespaces at it. Another process can have one at the same time."""

    def __init__(self) -> None:
        number = os.getpid()
        self._prefix = f"hg{number}"
        self._network = f"10.213.{number % 250}"
        self._names: list[str] = []
        run("link", "add", self._prefix, "type", "bridge")
        run("addr", "add", f"{self.host}/24", "dev", self._prefix)
        run("link", "set", self._prefix, "up")

    @property
    def host(self) -> str:
        """The address of the daemon's machine."""
        return f"{self._network}.1"

    def machine(
        self, name: str, folder: Path, spool: Path, environment: Mapping[str, str]
    ) -> Machine:
        """Return a machine of a new namespace. ``folder``: for what Ray writes, and the mount."""
        self._names.append(name)
        space, outside = self._space(name), self._cable(name)
        inside = f"{outside}i"
        address = f"{self._network}.{10 + len(self._names)}"
        run("netns", "add", space)
        run("link", "add", outside, "type", "veth", "peer", "name", inside)
        run("link", "set", inside, "netns", space)
        run("link", "set", outside, "master", self._prefix, "up")
        run("-n", space, "addr", "add", f"{address}/24", "dev", inside)
        for device in ("lo", inside):
            run("-n", space, "link", "set", device, "up")
        mounted = mount_point(folder)
        mounted.mkdir(parents=True)
        enter = ("sh", "-c", ENTER, "sh", str(spool), str(mounted))
        prefix = ("ip", "netns", "exec", space, *enter)
        return Machine(name, folder, address, prefix, environment)

    def cut(self, name: str) -> None:
        """Take the cable of a machine out."""
        run("link", "set", self._cable(name), "down")

    def mend(self, name: str) -> None:
        run("link", "set", self._cable(name), "up")

    def close(self) -> None:
        """Remove it all; the machines' processes have ended."""
        for name in self._names:
            with suppress(subprocess.CalledProcessError):
                run("netns", "del", self._space(name))
        run("link", "del", self._prefix)

    def _space(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def _cable(self, name: str) -> str:
        return f"{self._prefix}-{self._names.index(name)}"


def mount_point(folder: Path) -> Path:
    """Return where the machine with this folder mounts the spool."""
    return folder / "share"


def lacks() -> str | None:
    """Return why there can be no namespaces here; None: there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "there is no program ip"
    try:
        run("netns", "add", "hg-trial")
        run("netns", "del", "hg-trial")
        run("link", "add", "hg-trial", "type", "bridge")
        run("link", "del", "hg-trial")
    except subprocess.CalledProcessError as error:
        return f"the kernel allows no namespace or bridge: {error.stderr.strip()}"
    return None


def run(*arguments: str) -> None:
    """Run ``ip``. Raises CalledProcessError."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
