"""Finds settings that do not fit this machine: a missing program, a disk that is too small."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.system.disk_space import read_disk_space
from heygem_daemon.system.units import GIB


def find_machine_doubts(settings: Settings) -> list[str]:
    """Return a sentence for each value that does not fit, with its key at the start."""
    return [*_program(settings), *_free_space(settings)]


def _program(settings: Settings) -> Iterator[str]:
    if not settings.on_published:
        return
    program = settings.on_published[0]
    if "{" in program or shutil.which(program) is not None:
        return
    file = Path(program)
    problem = "is no program that may be run" if file.exists() else "is not there"
    if os.sep not in program:
        problem = "is in no folder of PATH; write its whole path"
    yield f"on_published: {program} {problem}"


def _free_space(settings: Settings) -> Iterator[str]:
    existing = next(each for each in (settings.spool, *settings.spool.parents) if each.exists())
    with suppress(OSError):
        total = read_disk_space(existing).total_bytes
        if 0 < total <= settings.free_space_gib * GIB:
            yield (
                f"free_space_gib = {settings.free_space_gib:g} is more than the spool's disk has"
                f" ({total / GIB:.1f} GiB): no job can start"
            )
