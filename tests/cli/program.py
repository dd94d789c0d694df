"""The real command line, with fake workers and a prober that accepts any file."""

import functools
import sys
from pathlib import Path

from heygem_daemon.cli import daemon, main
from heygem_daemon.service.prober import Prober
from heygem_daemon.worker.pool import WorkerPool

WORKER = Path(__file__).with_name("worker.py")


def install() -> None:
    command = (sys.executable, str(WORKER))
    vars(daemon)["WorkerPool"] = functools.partial(WorkerPool, command=command)
    vars(daemon)["Prober"] = functools.partial(Prober, command=("true",))


if __name__ == "__main__":
    install()
    main()
