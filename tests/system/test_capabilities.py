"""What this process may do beyond its user's rights, and that its children may not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from heygem_daemon.system.capabilities import can_lease_any_file

LEASE = "0000000010000000"
NOBODY = 65534
PROGRAM = """
import ctypes, os, subprocess
from heygem_daemon.system.capabilities import keep_from_children
prctl = ctypes.CDLL(None).prctl
prctl(8, 1, 0, 0, 0)  # PR_SET_KEEPCAPS
os.setresuid({user}, {user}, {user})
assert prctl(47, 2, 28, 0, 0) == 0  # PR_CAP_AMBIENT_RAISE, CAP_LEASE
{call}
subprocess.run(["grep", "CapEff", "/proc/self/status"], check=True)
"""


@pytest.mark.parametrize(("mask", "expected"), [(LEASE, True), ("0000000000000000", False)])
def test_the_right_is_read_from_the_kernels_mask(mask: str, expected: bool, tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t{mask}\n")
    assert can_lease_any_file(status) is expected
    assert not can_lease_any_file(tmp_path / "missing")


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv"
)
@pytest.mark.parametrize(("call", "mask"), [("keep_from_children()", "0" * 16), ("", LEASE)])
def test_children_get_none_of_the_rights(call: str, mask: str) -> None:
    """A service of systemd's has its rights as ambient ones."""
    setpriv = ["setpriv", "--inh-caps=+lease"]
    program = PROGRAM.format(user=NOBODY, call=call)
    done = subprocess.run(
        [*setpriv, sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["CapEff:", mask]
