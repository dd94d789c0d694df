"""What makes the memory of a daemon grow once is done at its start."""

import subprocess
import sys

LARGE_BLOCKS = """
bytes(4 << 20)  # once freed, blocks up to this size come from the heap
before = memory("Size", "[heap]")
blocks = [bytearray(b"1") * (1 << 20) for _ in range(20)]
print(memory("Size", "[heap]") - before)
"""
"""Prints by how many KiB the heap grows with blocks of 1 MiB."""
INTERNED = """
strings = [f"path {number}" for number in range(30_000)]
before = memory("Rss")
strings = [sys.intern(each) for each in strings]
print(memory("Rss") - before)
"""
"""Prints by how many KiB memory grows with the table of interned strings."""
CODE = """
import sys
from heygem_daemon.system.flat_memory import keep_memory_flat

def memory(field, mapping=None):
    total, name = 0, ""
    for line in open("/proc/self/smaps"):
        parts = line.split()
        if "-" in parts[0]:
            name = parts[5] if len(parts) > 5 else ""
        elif parts[0] == field + ":" and mapping in (None, name):
            total += int(parts[1])
    return total

memory("Rss")
"""


def growth(code: str, *, flat: bool) -> int:
    call = "keep_memory_flat()\n" if flat else ""
    return int(subprocess.check_output([sys.executable, "-c", CODE + call + code], text=True))


def test_large_blocks_do_not_enlarge_the_heap() -> None:
    assert growth(LARGE_BLOCKS, flat=False) > 8 << 10, "else this tests nothing"
    assert growth(LARGE_BLOCKS, flat=True) < 4 << 10


def test_the_table_of_interned_strings_has_its_size() -> None:
    assert growth(INTERNED, flat=False) > 600, "else this tests nothing"
    assert growth(INTERNED, flat=True) < 400
