"""System calls that a filtered process cannot make, tried from inside."""

import platform
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from heygem_daemon.system.syscall_filter import DENIED, OWN_PROCESS_ONLY
from tests.system.confined import PREAMBLE, run_child

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"), reason="no filter for this architecture"
)

FILTER = """
import ctypes, resource, signal, time
from heygem_daemon.system.landlock import forbid_new_privileges
from heygem_daemon.system.syscall_filter import deny_system_calls
forbid_new_privileges()
deny_system_calls()
"""

TRY_CALLS = (
    FILTER
    + """
file = Path(sys.argv[1])
found = {
    "TCP": attempt(socket.socket),
    "UDP": attempt(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
    "UNIX": attempt(lambda: socket.socket(socket.AF_UNIX)),
    "netlink": attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    "program": attempt(lambda: subprocess.run([sys.executable, "-V"])),
    "signal": attempt(lambda: os.kill(os.getppid(), 0)),
    "limits": attempt(lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)),
    "pidfd": attempt(lambda: os.pidfd_open(os.getppid())),
    "mode": attempt(lambda: file.chmod(0)),
    "owner": attempt(lambda: os.chown(file, -1, -1)),
    "times": attempt(lambda: os.utime(file)),
    "length": attempt(lambda: os.truncate(file, 0)),
    "attribute": attempt(lambda: os.setxattr(file, "user.x", b"")),
}
print(json.dumps(found))
"""
)

TRY_OWN = (
    FILTER
    + """
file = Path(sys.argv[1])
print(json.dumps({
    "signal": attempt(lambda: os.kill(os.getpid(), 0)),
    "limits": attempt(lambda: resource.getrlimit(resource.RLIMIT_NOFILE)),
    "write": attempt(lambda: file.write_text("longer")),
    "mode of an open file": attempt(lambda: os.fchmod(os.open(file, os.O_RDONLY), 0o600)),
    "length of an open file": attempt(lambda: os.ftruncate(os.open(file, os.O_RDWR), 1)),
}))
"""
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "result.mp4"
    path.write_text("x")
    return path


def test_nothing_outside_the_process_can_be_reached_or_changed(file: Path) -> None:
    found = run_child(TRY_CALLS, file)
    assert set(found.values()) == {"EPERM"}, found
    assert file.read_text() == "x"


def test_the_process_itself_works_as_before(file: Path) -> None:
    assert set(run_child(TRY_OWN, file).values()) == {"done"}


def test_threads_inherit_the_filter() -> None:
    code = (
        FILTER
        + """
found = {}
thread = threading.Thread(target=lambda: found.update(socket=attempt(socket.socket)))
thread.start(); thread.join()
print(json.dumps(found))
"""
    )
    assert run_child(code) == {"socket": "EPERM"}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the x32 interface is x86-64's")
def test_the_numbers_of_the_x32_interface_are_no_way_round() -> None:
    code = (
        FILTER
        + """
library = ctypes.CDLL(None, use_errno=True)
library.syscall(0x40000000 + 39)  # getpid
print(json.dumps({"x32": errno.errorcode[ctypes.get_errno()]}))
"""
    )
    assert run_child(code) == {"x32": "EPERM"}


def test_a_crash_still_looks_like_one() -> None:
    child = subprocess.run(
        [sys.executable, "-c", PREAMBLE + FILTER + "os.abort()"], capture_output=True, check=False
    )
    assert child.returncode == -signal.SIGABRT


@pytest.mark.parametrize("column", [0, 1])
def test_no_number_stands_for_two_calls(column: int) -> None:
    rows = [*DENIED.values(), *OWN_PROCESS_ONLY.values()]
    numbers = [row[column] for row in rows if row[column] is not None]
    assert len(numbers) == len(set(numbers))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads the headers of x86-64")
def test_the_numbers_are_the_kernels() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("the kernel's headers are not installed")
    known, generic = numbers_in(header), numbers_in(Path("/usr/include/asm-generic/unistd.h"))
    for name, (number, on_arm) in (DENIED | OWN_PROCESS_ONLY).items():
        assert known.get(name, number) == number, name
        assert on_arm is None or generic.get(name, on_arm) == on_arm, name


def numbers_in(header: Path) -> dict[str, int]:
    """What a header of the kernel defines as __NR_… or __NR3264_…."""
    found = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text(), re.MULTILINE)
    return {name: int(number) for name, number in found}
