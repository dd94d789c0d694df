"""The real command line, with fake workers and a prober that accepts any file."""

import functools
import os
import sys
from pathlib import Path

from heygem_daemon.cli import daemon, jobs, main
from heygem_daemon.service import probes
from heygem_daemon.service.prober import Prober
from heygem_daemon.worker.pool import WorkerPool

WORKER = Path(__file__).with_name("worker.py")


def install() -> None:
    command = (sys.executable, str(WORKER))
    vars(daemon)["WorkerPool"] = functools.partial(WorkerPool, command=command)
    vars(probes)["Prober"] = lambda _command, **options: Prober(("true",), **options)
    if "TEST_CLOCK_SYNCHRONIZED" in os.environ:
        vars(jobs)["is_synchronized"] = lambda: os.environ["TEST_CLOCK_SYNCHRONIZED"] == "yes"


if __name__ == "__main__":
    install()
    main()
