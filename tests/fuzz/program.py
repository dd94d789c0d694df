"""The real command line with the real prober, and a worker without an engine (``worker.py``)."""

import functools
import sys
from pathlib import Path

from heygem_daemon.cli import daemon, main
from heygem_daemon.worker.pool import WorkerPool

WORKER = Path(__file__).with_name("worker.py")

if __name__ == "__main__":
    vars(daemon)["WorkerPool"] = functools.partial(
        WorkerPool, command=(sys.executable, str(WORKER))
    )
    main()
