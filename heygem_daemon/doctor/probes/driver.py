"""``python -m heygem_daemon.doctor.probes.driver``: NVML's readings of all GPUs."""

from heygem_daemon.doctor.answers import tell
from heygem_daemon.gpu import nvml

if __name__ == "__main__":
    tell(nvml.read())
