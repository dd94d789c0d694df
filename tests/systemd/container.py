"""A container with a systemd that really boots, made of an overlay of this machine's ``/``.

Whatever happens in it changes nothing here: what is written goes to a tmpfs in a mount namespace
of the container's own, and ends with it. It has no network.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SOURCE = "/usr/src/heygem-daemon"
"""The checkout, in the container."""
PACKAGES = "/usr/src/packages"
"""The packages of the Python that runs the tests, in the container."""
BASE = sys.base_prefix if sys.base_prefix == "/usr" else "/opt/python"
PYTHON = f"{BASE}/bin/python{sys.version_info.major}.{sys.version_info.minor}"
"""A Python in the container that every user may run; that of the tests may lie in root's home."""
BOOT_SECONDS = 60.0

_BOOT = """
set -e
mount -t tmpfs -o size=3g heygem {work}
mkdir {work}/up {work}/work {work}/root
mount -t overlay overlay -o lowerdir=/,upperdir={work}/up,workdir={work}/work {work}/root
cd {work}/root
rm -rf etc/systemd/system/*.wants
if [ {base} != /usr ]; then
    mkdir -p ..{base}/up ..{base}/work .{base}
    mount -t overlay overlay \
        -o lowerdir={prefix},upperdir={work}{base}/up,workdir={work}{base}/work .{base}
    echo {base}/lib > etc/ld.so.conf.d/heygem.conf
    chroot . /sbin/ldconfig
fi
mkdir -p .{packages} .{source}
mount --bind {purelib} .{packages}
mount --bind {checkout} .{source}
mount -o remount,bind,ro .{source}
site=$(chroot . {python} -c 'import site; print(site.getsitepackages()[0])')
mkdir -p .$site
# The tests' packages come before the Python's own of the same name, and after an environment's.
echo "import sys; sys.path.insert(sys.path.index('$site'), '{packages}')" \
    > .$site/heygem-packages.pth
exec systemd-nspawn --quiet --boot --directory {work}/root --register=no --keep-unit \
    --private-network --machine=heygem-test --link-journal=no --console=pipe \
    --system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
    systemd.unit=basic.target
"""


def missing() -> str | None:
    """Return what prevents a container on this machine, as a sentence; None if nothing does."""
    if os.geteuid() != 0:
        return "a container must be started by root"
    if shutil.which("systemd-nspawn") is None:
        return "missing: systemd-nspawn (Debian: apt install systemd-container)"
    trial = (
        "mount -t tmpfs x /mnt && mkdir /mnt/a /mnt/b /mnt/c &&"
        " mount -t overlay x -o lowerdir=/,upperdir=/mnt/a,workdir=/mnt/b /mnt/c"
    )
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", trial],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return f"no overlay of / here: {done.stderr.strip()}" if done.returncode else None


class CannotBoot(Exception):
    """This machine lets no container boot. Nothing of the product is in it by then."""


class Container:
    """A booted container."""

    def __init__(self, nspawn: "subprocess.Popen[bytes]", leader: int, upper: Path) -> None:
        self._nspawn = nspawn
        self._leader = leader
        self._upper = upper

    def run(
        self, *command: str, check: bool = True, given: bytes = b"", seconds: float = 120.0
    ) -> str:
        """Run a command as root and return what it prints. Raises AssertionError if it fails."""
        done = self.attempt(*command, given=given, seconds=seconds)
        text = done.stdout.decode(errors="replace")
        assert done.returncode == 0 or not check, f"{shlex.join(command)}\n{text}"
        return text

    def attempt(
        self, *command: str, given: bytes = b"", seconds: float = 120.0
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a command as root; stdout has its stderr, too."""
        inside = [
            "nsenter", "--target", str(self._leader), "--mount", "--uts", "--ipc", "--net", "--pid",
            "--root", "--wd", "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
            "LANG=C.UTF-8", f"PYTHON={PYTHON}", "PIP_NO_INDEX=1", "PIP_CONFIG_FILE=/dev/null",
        ]  # fmt: skip
        return subprocess.run(
            [*inside, *command], input=given, check=False, timeout=seconds,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def shell(self, script: str, check: bool = True) -> str:
        """Run a script of sh as root and return what it prints."""
        return self.run("sh", "-ec", script, check=check)

    def path(self, inside: str) -> Path:
        """Return where this machine sees an absolute path of the container, to look at it without
        starting a process. Links on the way lead outside."""
        return Path(f"/proc/{self._leader}/root{inside}")

    def put(self, source: Path, target: str) -> None:
        """Copy a file of this machine into the container."""
        self.run("sh", "-c", 'cat > "$0"', target, given=source.read_bytes())

    def written(self) -> set[str]:
        """Return the paths that differ from this machine's ``/``, folders among them."""
        listing = subprocess.run(
            ["nsenter", "--target", str(self._nspawn.pid), "--mount", "find", self._upper,
             "-mindepth", "1", "-printf", "/%P\\n"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return set(listing.stdout.splitlines())


@contextmanager
def booted(work: Path, checkout: Path) -> Iterator[Container]:
    """Boot a container with the checkout at ``SOURCE``, read-only; ``work`` is an empty folder.
    Raises CannotBoot."""
    script = _BOOT.format(
        work=work, base=BASE, prefix=sys.base_prefix, packages=PACKAGES, source=SOURCE,
        purelib=sysconfig.get_path("purelib"), checkout=checkout, python=PYTHON,
    )  # fmt: skip
    log = work.with_name(f"{work.name}.log")
    with log.open("wb") as output:
        nspawn = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "bash", "-c", script],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield Container(nspawn, _wait_for_boot(nspawn, log), work / "up")
    finally:
        for pid in _children(nspawn.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
        nspawn.wait(30)


def _wait_for_boot(nspawn: "subprocess.Popen[bytes]", log: Path) -> int:
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline:
        if nspawn.poll() is not None:
            raise CannotBoot(log.read_text(errors="replace"))
        for pid in _children(nspawn.pid):
            done = subprocess.run(
                ["nsenter", "--target", str(pid), "--mount", "--pid", "--root", "--ipc",
                 "systemctl", "is-system-running"],
                check=False, capture_output=True, text=True,
            )  # fmt: skip
            if _is_init(pid) and done.stdout.strip() in ("running", "degraded"):
                return pid
        time.sleep(0.1)
    raise CannotBoot(f"it does not boot: {log.read_text(errors='replace')}")


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _is_init(pid: int) -> bool:
    """Whether a process is number 1 of its PID namespace."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return any(
        line.startswith("NSpid:") and line.split()[-1] == "1" for line in status.splitlines()
    )
