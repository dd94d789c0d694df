"""A process that takes more memory than allowed gets MemoryError."""

import subprocess
import sys

from heygem_daemon.system.memory_limit import data_bytes

CODE = """
import resource
from heygem_daemon.system.host_memory import total_bytes
from heygem_daemon.system.memory_limit import data_bytes, limit_data
before = data_bytes()
assert limit_data(64 << 20) == before + (64 << 20)
kept = bytearray(32 << 20)
try:
    bytearray(48 << 20)
except MemoryError:
    print("refused")
limit_data(64 << 20)
bytearray(48 << 20)
print("allowed")
assert limit_data(0) > total_bytes() // 2
"""


def test_memory_beyond_the_limit_is_refused_and_a_new_limit_counts_from_now() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["refused", "allowed"], done.stderr


def test_the_memory_of_this_process_is_known() -> None:
    assert data_bytes() > 1 << 20
