"""Where the control groups of this process are, in both versions of control groups.

In containers and under systemd's ``MemoryMax`` or ``CPUQuota``, limits of a control group apply,
which /proc does not show.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class GroupFolder:
    """The folder of a control group."""

    path: Path
    version: Literal[1, 2]


def find_groups(controller: str, proc: Path, cgroup: Path) -> Iterator[GroupFolder]:
    """Yield the folders of this process's control group and of those above it.

    ``controller``: 'memory' or 'cpu'; ``proc`` and ``cgroup``: where the kernel's file systems are
    mounted. In a container the group's own path may not be visible. The root of the mount then
    represents the group.
    """
    for line in read_text(proc / "self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, version = cgroup, 2
        elif controller in controllers.split(","):
            root, version = cgroup / controller, 1
        else:
            continue
        own = root / path.lstrip("/")
        for folder in (own, *own.parents):
            if folder.is_relative_to(root):
                yield GroupFolder(folder, 2 if version == 2 else 1)


def read_number(path: Path) -> int | None:
    """Return the number in a kernel file; None if there is no file, or it contains 'max'."""
    text = read_text(path).strip()
    return int(text) if text.isdecimal() else None


def read_text(path: Path) -> str:
    """Return what a kernel file holds; empty if there is no such file."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
