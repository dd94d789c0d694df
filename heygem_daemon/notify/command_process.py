"""Becomes the operator's command: ``python -m heygem_daemon.notify.command_process``.

It reads its order from stdin, gives up what the command does not need, and is replaced by it.
"""

import json
import os
import sys
from pathlib import Path

from heygem_daemon.system import paths
from heygem_daemon.system.confinement import confine_command
from heygem_daemon.worker.wire import die_with_parent

NOT_FOUND = 127
"""Exit status of a command that cannot be started, as a shell has it."""


def main() -> int:
    """Carry out the order. Returns only if the command cannot be started."""
    die_with_parent()
    order = json.loads(sys.stdin.readline())
    arguments = order["arguments"]
    devnull = os.open(os.devnull, os.O_RDWR)
    os.dup2(devnull, 0)
    if order["confine"] and (problem := _confine(order)):
        sys.stderr.write(f"not confined: {problem}\n")
        return NOT_FOUND
    try:
        os.execvp(arguments[0], arguments)  # noqa: S606 - no shell is the purpose
    except OSError as error:
        sys.stderr.write(f"{arguments[0]}: {error.strerror}\n")
    return NOT_FOUND


def _confine(order: dict[str, list[str]]) -> str:
    """Return why this process is not confined; empty: it is, or this kernel cannot. What it may
    read is reached through no link: users can put one in the place of the result's folder."""
    try:
        folders = [paths.open_folder(Path(each)) for each in order["read"]]
    except OSError as error:
        return str(error)
    read = [Path(f"/proc/self/fd/{each}") for each in folders]
    return confine_command(order["arguments"][0], read, map(Path, order["write"]))


if __name__ == "__main__":
    sys.exit(main())
