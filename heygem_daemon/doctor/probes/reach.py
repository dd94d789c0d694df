"""``python -m heygem_daemon.doctor.probes.reach PATH``: does the file system there answer?

On a share whose server is gone this may never return.
"""

import os
import sys
from pathlib import Path

from heygem_daemon.doctor.answers import Reach, tell
from heygem_daemon.doctor.disk import existing


def main() -> None:
    """Entry point."""
    there = existing(Path(sys.argv[1]))
    os.statvfs(there)
    tell(Reach(str(there)))


if __name__ == "__main__":
    main()
