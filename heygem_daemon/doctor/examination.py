"""The doctor: everything that a job will need, tried out one by one, with what to do about it.

Nothing here imports torch or av: what only they can tell is asked of child processes, so that a
broken build is a finding and not the end of the examination.
"""

from pathlib import Path

from heygem_daemon.doctor.check import Check
from heygem_daemon.doctor.checkpoints import checkpoint_checks
from heygem_daemon.doctor.disk import disk_checks, folder_checks
from heygem_daemon.doctor.gpus import gpu_checks
from heygem_daemon.doctor.host import host_checks
from heygem_daemon.doctor.software import software_checks
from heygem_daemon.doctor.weights import weights_checks
from heygem_daemon.gpu import nvml
from heygem_daemon.gpu.build import cuda_usable
from heygem_daemon.gpu.placement import GIB, Need

USUAL_NEED = Need(4 * GIB)


def examine(
    spool: Path, weights: Path, log_folder: Path, device: str, need: Need = USUAL_NEED
) -> list[Check]:
    """All findings, in the order in which a person would look.

    ``device``: the setting; ``need``: what a job takes on a GPU. Takes some seconds.
    """
    return [
        *software_checks(device),
        *gpu_checks(nvml.read(), device, need, cuda_usable()),
        *weights_checks(weights),
        *checkpoint_checks(weights),
        *host_checks(),
        *folder_checks(spool, log_folder),
        *disk_checks(spool),
    ]
