"""The mount that a path lies on, and how that affects the watching of the inbox."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

ATTRIBUTE_CACHE_SECONDS = 60.0
"""Longest time that an NFS mount caches a file's attributes by default (acregmax, acdirmax:
nfs(5)). Options in the mount table replace it (also those of mount.cifs(8))."""

_MARGIN_SECONDS = 5.0
_CACHE_OPTION = re.compile(r"(?:actimeo|acregmax|acdirmax|closetimeo)=(\d+)")

# fmt: off
_NETWORK_TYPES = frozenset({
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "gpfs",
    "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "prl_fs", "smb2", "smb3", "smbfs",
    "vboxsf", "virtiofs", "vmhgfs",
})
_LOCAL_FUSE = frozenset({
    "bcachefs", "bindfs", "encfs", "ext2", "fuse-overlayfs", "gocryptfs", "mergerfs", "ntfs",
    "ntfs-3g", "snapfuse", "squashfuse", "unionfs", "unionfs-fuse",
})
# fmt: on


@dataclass(frozen=True, slots=True)
class MountInfo:
    """The mount that holds a path."""

    point: Path
    type: str
    is_network: bool
    """Whether other machines can write there without inotify events on this machine."""
    device: str = ""
    """The device number, 'major:minor'; empty if unknown."""
    cache_seconds: float = ATTRIBUTE_CACHE_SECONDS
    """How out of date a file's attributes can be on a network mount, seconds."""
    source: str = ""
    """What is mounted: a device file, a server's folder, or just a name; empty if unknown."""
    options: tuple[str, ...] = ()
    """The options of the file system, as 'local_lock=none'."""


def find_mount(path: Path, table: Path = Path("/proc/self/mountinfo")) -> MountInfo:
    """Return the mount of ``path`` from the mount table; type "unknown" if that cannot be read.

    proc(5), /proc/pid/mountinfo, describes the table. Later mounts hide earlier ones.
    """
    try:
        target = path.resolve()
        lines = table.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return MountInfo(Path("/"), "unknown", is_network=False)
    best = MountInfo(Path("/"), "unknown", is_network=False)
    for mount in filter(None, map(_parse, lines)):
        inside = mount.point == target or mount.point in target.parents
        if inside and len(mount.point.parts) >= len(best.point.parts):
            best = mount
    return best


def find_missing_mount(
    path: Path,
    fstab: Path = Path("/etc/fstab"),
    table: Path = Path("/proc/self/mountinfo"),
) -> Path | None:
    """Return the mount point at or above ``path`` that fstab(5) lists but that has nothing mounted
    on it; None if nothing is missing or the tables cannot be read."""
    try:
        target = path.resolve()
        lines = fstab.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    fields = (line.split() for line in lines if not line.lstrip().startswith("#"))
    points = [Path(_unescaped(each[1])) for each in fields if len(each) > 2]
    above = [each for each in points if each == target or each in target.parents]
    deepest = max(above, key=lambda each: len(each.parts), default=Path("/"))
    there = find_mount(path, table)
    is_missing = there.type != "unknown" and len(deepest.parts) > len(there.point.parts)
    return deepest if is_missing else None


def effective_quiet_seconds(configured: float, mount: MountInfo) -> float:
    """Return the quiet period for a Settler, in seconds: ``configured``, but on a network mount
    longer than its attribute cache."""
    shortest = mount.cache_seconds + _MARGIN_SECONDS if mount.is_network else 0.0
    return max(configured, shortest)


def _parse(line: str) -> MountInfo | None:
    before, separator, after = line.partition(" - ")
    fields, kind, *rest = before.split(" "), *after.split(" ")
    if not separator or len(fields) < 5 or not kind:
        return None
    source = _unescaped(rest[0]) if rest else ""
    point = Path(_unescaped(fields[4]))
    options = tuple(rest[-1].split(",")) if rest else ()
    cache_seconds = _attribute_cache_seconds(options)
    return MountInfo(point, kind, _is_network(kind), fields[2], cache_seconds, source, options)


def _attribute_cache_seconds(options: Collection[str]) -> float:
    """Return the longest cache time among the file system's options."""
    if "noac" in options:
        return 0.0
    found = [_CACHE_OPTION.fullmatch(option) for option in options]
    return max((float(each[1]) for each in found if each), default=ATTRIBUTE_CACHE_SECONDS)


def _unescaped(field: str) -> str:
    """Return a table's field without its octal escapes: both tables write a space as \\040."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)


def _is_network(kind: str) -> bool:
    """Return whether a file system type is a network's. FUSE types count as such, since many are,
    unless they are known to be local."""
    base, _, sub = kind.partition(".")
    return base in _NETWORK_TYPES or (base == "fuse" and bool(sub) and sub not in _LOCAL_FUSE)
