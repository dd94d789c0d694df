"""The real command line, with workers that need no engine and media that need be none."""

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
