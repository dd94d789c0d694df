"""Confine a process in which hostile bytes meet C code: Landlock, a seccomp filter, no core dumps.

A decoder that a file has taken over can then reach only what its process was allowed before it
opened that file. None of this needs root.

What this does not stop: a confined process sees that a file exists, its size and its owner. It
uses processors and memory as far as limits elsewhere allow. It reads what its program reads, also
facts of the machine in /sys, and in /proc what its user may see of other processes (as root, their
environment). It can change the scheduling priority of its user's other processes. A spool that lies
in a folder of the program (/usr, the virtual environment) can be read. What Landlock restricts
depends on the kernel's version, see ``system/landlock.py``.
"""

import os
import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.system import landlock
from heygem_daemon.system.syscall_filter import deny_system_calls

PACKAGE = Path(__file__).resolve().parent.parent
PACKAGES_FOLDERS = ("site-packages", "dist-packages")

SYSTEM_LIBRARIES = (Path("/usr"), Path("/lib"), Path("/lib64"), Path("/etc/ld.so.cache"))
SYSTEM_FACTS = (
    Path("/proc"),
    Path("/sys/devices/system"),
    Path("/sys/fs/cgroup"),
    Path("/sys/kernel/mm"),
    Path("/dev/urandom"),
    Path("/dev/random"),
    Path("/dev/zero"),
)
"""What Python, torch and FFmpeg ask of the machine: processors, memory, limits, random bytes."""
NETWORK_FACTS = tuple(
    Path("/etc") / name
    for name in ("resolv.conf", "hosts", "nsswitch.conf", "gai.conf", "ssl", "pki", "host.conf")
)
"""What finding another machine by its name takes, and whose certificates to trust."""
SYSTEM_PROGRAMS = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt")))
COMMAND_FACTS = tuple(
    Path("/etc") / name
    for name in ("ld.so.cache", "alternatives", "localtime", "passwd", "group", "mime.types")
)
"""What usual programs look up. The rest of /etc may hold keys of the daemon."""
SINK = Path(os.devnull)


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a confined process or thread may open besides its program."""

    read: tuple[Path, ...] = ()
    """Files, and folders with all that is below; links in these paths are followed."""
    write: tuple[Path, ...] = ()
    """Folders in which it may make, change and delete files."""
    files: tuple[Path, ...] = ()
    """Users' files to read. A link or anything else that is no regular file stays closed."""
    network: bool = False
    """Whether it may connect to other machines."""

    def identities(self) -> tuple[tuple[int, int] | None, ...]:
        """Return device and inode of each path of ``read`` and ``write``; None if it is not there.

        Rules hold for these and not for names: when they change, because a share was mounted again
        or a folder was made anew, the rules do not cover what the names now mean.
        """
        return tuple(_identity(path) for path in (*self.read, *self.write))


@dataclass(frozen=True, slots=True)
class Confinement:
    """What holds after an attempt to confine a process."""

    abi: int = 0
    """Version of Landlock whose restrictions hold; 0: none."""
    filtered: bool = False
    """Whether the system call filter holds."""
    problem: str = ""
    """Why the rest does not hold."""

    def __str__(self) -> str:
        holds = []
        if self.abi:
            holds.append(f"{', '.join(_restricted_subjects(self.abi))} (Landlock ABI {self.abi})")
        if self.filtered:
            holds.append("sockets, programs and other processes (seccomp)")
        if not holds:
            return f"not confined: {self.problem}"
        rest = f"; the rest does not hold: {self.problem}" if self.problem else ""
        return f"confined: no access to other {'; '.join(holds)}{rest}"


def confine_process(permissions: Permissions) -> Confinement:
    """Confine this process, which must not have started a thread yet, as far as the kernel can.

    Raises nothing: what does not hold is in the answer.
    """
    _forbid_core_dumps()
    abi, filtered, problems = 0, False, []
    try:
        abi = confine_thread(permissions)
    except OSError as error:
        problems.append(f"Landlock: {error.strerror or error}")
    try:
        landlock.forbid_new_privileges()
        deny_system_calls(allowed=("socket",) if permissions.network else ())
        filtered = True
    except OSError as error:
        problems.append(f"seccomp: {error.strerror or error}")
    return Confinement(abi, filtered, "; ".join(problems))


def confine_thread(permissions: Permissions) -> int:
    """Confine the calling thread and those that it starts; return the version of Landlock.

    Restricts further what is confined already, and never loosens it. Raises OSError.
    """
    return landlock.restrict_thread(
        read=(
            *program_files(),
            *SYSTEM_FACTS,
            *(NETWORK_FACTS if permissions.network else ()),
            *permissions.read,
        ),
        write=(SINK, *permissions.write),
        read_without_links=permissions.files,
        network=permissions.network,
    )


def confine_command(program: str, read: Iterable[Path], write: Iterable[Path]) -> str:
    """Confine this process before it becomes an operator's command: it may start the system's
    programs and ``program``, and connect to other machines.

    Raises nothing. Returns why it is not confined; empty: it is, or this kernel has no Landlock.
    """
    _forbid_core_dumps()
    own = (Path(program),) if Path(program).is_absolute() else ()
    try:
        if landlock.abi_version() == 0:
            landlock.forbid_new_privileges()
            return ""
        landlock.restrict_thread(
            read=(*SYSTEM_FACTS, *NETWORK_FACTS, *COMMAND_FACTS, *read),
            write=(SINK, *write),
            execute=(*SYSTEM_PROGRAMS, *own),
            network=True,
        )
    except OSError as error:
        return str(error.strerror or error)
    return ""


def forbid_writing() -> None:
    """Make this process unable to write a byte to any file, also an open one; pipes still work."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def program_files() -> tuple[Path, ...]:
    """Return what the running program is made of: interpreter, packages, system libraries.

    Of the module search path, only the folders of installed packages and those of PYTHONPATH are
    among them. Its first entry, the working directory of ``python -m`` or the folder of a script,
    is not, nor is the folder of a checkout: the spool or anything else may lie there.
    """
    prefixes = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    installed = [name for name in sys.path if Path(name).name in PACKAGES_FOLDERS]
    chosen = [os.environ.get(name, "") for name in ("PYTHONPATH", "LD_LIBRARY_PATH")]
    names = (*prefixes, *installed, *":".join(chosen).split(":"))
    found = dict.fromkeys(Path(name).resolve() for name in names if name)
    excluded = {Path("/"), Path.cwd(), PACKAGE.parent}
    return (PACKAGE, *SYSTEM_LIBRARIES, *(path for path in found if path not in excluded))


def _restricted_subjects(abi: int) -> list[str]:
    subjects = {1: "files", 4: "TCP", 5: "devices", 6: "signals and abstract sockets"}
    return [subject for version, subject in subjects.items() if abi >= version]


def _forbid_core_dumps() -> None:
    """A core dump would hold users' pictures and sound."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
