"""Recognises what a systemd unit's sandbox hides or makes read-only, and says what mends it.

The mount namespace of a service shows it (systemd.exec(5)): ProtectSystem= mounts folders
read-only over a file system that is writable, ProtectHome= puts an inaccessible or an empty folder
over the homes, and PrivateTmp= a folder of the service's own over /tmp.
"""

import errno
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.system.unit import DEFAULT_UNIT, Unit, own_unit_name

MOUNT_TABLE = Path("/proc/self/mountinfo")
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - recognised, not used
OWN_FOLDERS = {
    "StateDirectory": Path("/var/lib"),
    "CacheDirectory": Path("/var/cache"),
    "LogsDirectory": Path("/var/log"),
}
"""Where the folders lie that a unit makes for its service."""
READ_ONLY = frozenset({errno.EROFS})
HIDING = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT})
"""Errors of folders that are mounted read-only, and of those that are hidden."""


@dataclass(frozen=True, slots=True)
class SandboxFault:
    """Why a service cannot use a folder."""

    cause: str
    """The setting of the unit and what it does, as a clause."""

    lines: tuple[str, ...]
    """The lines of the drop-in that mends it, below [Service]."""

    errnos: frozenset[int]
    """The errors that it can cause."""

    unit: str = DEFAULT_UNIT

    @property
    def clause(self) -> str:
        """The cause and the drop-in, for a line of the log."""
        return f"{self.cause}; a drop-in mends it: [Service] {' '.join(self.lines)}"

    @property
    def remedy(self) -> str:
        """The commands that write the drop-in of the spool and restart the service."""
        return write_drop_in(self.unit, "spool.conf", self.lines)

    def remedy_of(self, name: str) -> str:
        """The same for another folder, whose drop-in has this ``name``."""
        return write_drop_in(self.unit, f"{name.replace(' ', '-')}.conf", self.lines)


def write_drop_in(unit: str, name: str, lines: Sequence[str]) -> str:
    """Return the commands that write the drop-in ``name`` of a unit, with these lines below
    [Service], and restart the service."""
    folder = f"/etc/systemd/system/{unit}.d"
    text = "".join(f"{line}\\n" for line in ("[Service]", *lines))
    return (
        f"mkdir -p {folder} && printf {shlex.quote(text)} > {folder}/{name}"
        f" && systemctl daemon-reload && systemctl restart {unit}"
    )


@dataclass(frozen=True, slots=True)
class _Mount:
    point: Path
    root: str
    is_read_only: bool
    """Of this mount alone."""
    is_file_system_read_only: bool
    type: str


def find_fault_inside(
    folder: Path, table: Path = MOUNT_TABLE, environment: Mapping[str, str] = os.environ
) -> SandboxFault | None:
    """Return why the sandbox that this process runs in keeps it from writing to ``folder``; None:
    it does not, or systemd has not started this process."""
    unit = own_unit_name(environment=environment) or DEFAULT_UNIT
    if "INVOCATION_ID" not in environment or (mount := _find_mount(folder, table)) is None:
        return None
    if any(mount.point == each for each in HOMES) and (
        mount.root.startswith("/systemd/inaccessible") or mount.type == "tmpfs"
    ):
        return _hidden_home(mount.point, folder, unit)
    if mount.point in TEMPORARY and "/systemd-private-" in mount.root:
        return _private_tmp(mount.point, folder, unit)
    if mount.is_read_only and not mount.is_file_system_read_only:
        home = next((each for each in HOMES if mount.point == each), None)
        return _read_only(folder, unit, "ProtectHome" if home else "ProtectSystem")
    return None


def find_fault_of_unit(folder: Path, unit: Unit) -> SandboxFault | None:
    """Return why ``unit`` will keep its service from writing to ``folder``; None: it will not."""
    properties = unit.properties
    if any(_is_below(folder, each) for each in _paths(properties.get("BindPaths", ""))):
        return None
    home = next((each for each in HOMES if _is_below(folder, each)), None)
    protect_home = properties.get("ProtectHome", "no")
    if home is not None and protect_home in ("yes", "tmpfs"):
        return _hidden_home(home, folder, unit.name)
    tmp = next((each for each in TEMPORARY if _is_below(folder, each)), None)
    if tmp is not None and properties.get("PrivateTmp") == "yes":
        return _private_tmp(tmp, folder, unit.name)
    allowed = [*_paths(properties.get("ReadWritePaths", "")), *_own_folders(properties)]
    is_strict = properties.get("ProtectSystem") == "strict"
    reads_home = home is not None and protect_home == "read-only"
    if (is_strict or reads_home) and not any(_is_below(folder, each) for each in allowed):
        return _read_only(folder, unit.name, "ProtectHome" if reads_home else "ProtectSystem")
    return None


def _hidden_home(home: Path, folder: Path, unit: str) -> SandboxFault:
    cause = f"the unit's ProtectHome= hides {home} from the service"
    lines = ("ProtectHome=tmpfs", f"BindPaths={_escaped(folder)}")
    return SandboxFault(cause, lines, HIDING, unit)


def _private_tmp(point: Path, folder: Path, unit: str) -> SandboxFault:
    cause = f"the unit's PrivateTmp= gives the service a {point} of its own"
    return SandboxFault(cause, (f"BindPaths={_escaped(folder)}",), HIDING, unit)


def _read_only(folder: Path, unit: str, setting: str) -> SandboxFault:
    cause = (
        f"the unit's {setting}= lets the service only read there, as no ReadWritePaths= names it"
    )
    return SandboxFault(cause, (f"ReadWritePaths=-{_escaped(folder)}",), READ_ONLY, unit)


def _escaped(folder: Path) -> str:
    """Return a path as it is written in a unit file: % begins a specifier, quotes keep blanks."""
    text = str(folder).replace("%", "%%")
    return f'"{text}"' if re.search(r"\s", text) else text


def _is_below(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _paths(value: str) -> Iterator[Path]:
    """Yield the paths of a property, without their prefixes, and of a bind its destination."""
    for word in value.split():
        source, *rest = word.lstrip("-+").split(":")
        yield Path(rest[0] if rest else source)


def _own_folders(properties: Mapping[str, str]) -> Iterator[Path]:
    for name, base in OWN_FOLDERS.items():
        for word in properties.get(name, "").split():
            yield base / word


def _find_mount(folder: Path, table: Path) -> _Mount | None:
    """Return the mount that holds ``folder``. Later mounts hide earlier ones."""
    try:
        lines = table.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    best: _Mount | None = None
    for mount in filter(None, map(_parse, lines)):
        if _is_below(folder, mount.point) and (
            best is None or len(mount.point.parts) >= len(best.point.parts)
        ):
            best = mount
    return best


def _parse(line: str) -> _Mount | None:
    """Return the mount of a line of proc(5)'s mountinfo: options of the mount before the hyphen,
    type and options of the file system behind it."""
    before, separator, after = line.partition(" - ")
    fields, rest = before.split(" "), after.split(" ")
    if not separator or len(fields) < 6 or len(rest) < 3:
        return None
    point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
    return _Mount(
        Path(point),
        fields[3],
        "ro" in fields[5].split(","),
        "ro" in rest[2].split(","),
        rest[0],
    )
