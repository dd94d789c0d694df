"""Runs code in a child process that can confine itself, and says what the code can reach."""

import json
import subprocess
import sys
import textwrap

import pytest

from heygem_daemon.system.landlock import abi_version

needs_landlock = pytest.mark.skipif(abi_version() == 0, reason="this kernel offers no Landlock")
needs_landlock_3 = pytest.mark.skipif(abi_version() < 3, reason="needs Landlock ABI 3 or newer")
"""Older kernels cannot restrict the truncation of files."""

ATTEMPT = """
import errno, json, os, socket, subprocess, sys, threading
from pathlib import Path

def attempt(action):
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"
"""
PREAMBLE = (
    ATTEMPT
    + """
from heygem_daemon.system import landlock
from heygem_daemon.system.confinement import Permissions, confine_process, confine_thread
"""
)


def run_child(code: str, *arguments: object) -> dict[str, str]:
    """Run ``code`` with ``arguments`` in sys.argv[1:]; return what it prints as JSON."""
    child = subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    answer: dict[str, str] = json.loads(child.stdout)
    return answer
