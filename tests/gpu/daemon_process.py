"""The real command line, on a machine with the tests' driver library.

Replaced are what needs CUDA (the workers, and the check that torch is built for CUDA) and what
needs media (the prober). The driver is read more often, so that no test takes minutes.
"""

import functools
import sys
from pathlib import Path

from heygem_daemon.gpu import nvml, reading_thread, torch_build

WORKER = Path(__file__).with_name("gpu_worker.py")


def install() -> None:
    # Must happen before the service imports it by name.
    vars(torch_build)["is_cuda_usable"] = lambda: True
    vars(reading_thread).update(
        READ_INTERVAL_SECONDS=0.1, ANSWER_TIMEOUT_SECONDS=1.0, MAX_PAUSE_SECONDS=0.5
    )
    vars(nvml)["RENEW_SECONDS"] = 0.3
    from heygem_daemon.cli import daemon  # noqa: PLC0415
    from heygem_daemon.service import probes, reaper  # noqa: PLC0415
    from heygem_daemon.service.prober import Prober  # noqa: PLC0415
    from heygem_daemon.worker.pool import WorkerPool  # noqa: PLC0415

    vars(reaper)["SILENT_SECONDS"] = 1.0
    vars(daemon)["WorkerPool"] = functools.partial(
        WorkerPool, command=(sys.executable, str(WORKER))
    )
    vars(probes)["Prober"] = lambda _command, **options: Prober(("true",), **options)


if __name__ == "__main__":
    install()
    from heygem_daemon.cli import main

    main()
