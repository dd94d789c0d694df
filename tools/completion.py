"""Writes docs/completion/heygem-daemon (bash), _heygem-daemon (zsh) and heygem-daemon.fish from the
commands and the settings. ``--write`` updates them.

The scripts start no program, so they answer at once.
"""

import sys
from pathlib import Path

from tools import completion_bash, completion_fish, completion_zsh
from tools.commands import PROGRAM
from tools.generated import check_or_write

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "completion"

SCRIPTS = {
    FOLDER / PROGRAM: completion_bash.completion,
    FOLDER / f"_{PROGRAM}": completion_zsh.completion,
    FOLDER / f"{PROGRAM}.fish": completion_fish.completion,
}
"""The file of each shell, under the name by which the shell finds it, and what makes it."""


if __name__ == "__main__":
    sys.exit(max(check_or_write(file, make(), __doc__) for file, make in SCRIPTS.items()))
