"""Which file system a path lies on, and what that means for watching it."""

import re
from dataclasses import dataclass
from pathlib import Path

ATTRIBUTE_CACHE_SECONDS = 60.0
"""Longest attribute cache of an NFS mount by default (acregmax, acdirmax: nfs(5)); what else the
mount table says of a mount (also mount.cifs(8)) counts instead."""

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
    """Whether other machines may write there without this kernel's knowledge (no inotify)."""
    device: str = ""
    """Its number, 'major:minor'; empty where unknown."""
    cache_seconds: float = ATTRIBUTE_CACHE_SECONDS
    """How old what a network mount says of a file may be."""
    source: str = ""
    """What is mounted: a device file, a server's folder, or a mere name; empty where unknown."""


def find_mount(path: Path, table: Path = Path("/proc/self/mountinfo")) -> MountInfo:
    """The mount of ``path``, from the mount table; type "unknown" where it cannot be read.

    Format of the table: proc(5), /proc/pid/mountinfo. Later mounts hide earlier ones.
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
    """The mount point at or above ``path`` that fstab(5) names and that has nothing mounted on it;
    None where all is in order, or nobody can tell."""
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
    """Seconds for a Settler: on a network mount never shorter than its attribute cache."""
    shortest = mount.cache_seconds + _MARGIN_SECONDS if mount.is_network else 0.0
    return max(configured, shortest)


def _parse(line: str) -> MountInfo | None:
    before, separator, after = line.partition(" - ")
    fields, kind, *rest = before.split(" "), *after.split(" ")
    if not separator or len(fields) < 5 or not kind:
        return None
    source = _unescaped(rest[0]) if rest else ""
    point = Path(_unescaped(fields[4]))
    return MountInfo(
        point, kind, _is_network(kind), fields[2], _attribute_cache_seconds(rest), source
    )


def _attribute_cache_seconds(fields: list[str]) -> float:
    """From the options of the file system, the last field: of several times the longest counts."""
    options = fields[-1].split(",") if fields else []
    if "noac" in options:
        return 0.0
    found = [_CACHE_OPTION.fullmatch(option) for option in options]
    return max((float(each[1]) for each in found if each), default=ATTRIBUTE_CACHE_SECONDS)


def _unescaped(field: str) -> str:
    """Both tables write a blank as \\040."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)


def _is_network(kind: str) -> bool:
    """FUSE file systems count as remote unless known to be local: many are."""
    base, _, sub = kind.partition(".")
    return base in _NETWORK_TYPES or (base == "fuse" and bool(sub) and sub not in _LOCAL_FUSE)
