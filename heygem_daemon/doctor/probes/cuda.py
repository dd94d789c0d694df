"""``python -m heygem_daemon.doctor.probes.cuda``: what the driver's CUDA library answers.

Without torch, whose import takes seconds. Functions and codes: CUDA Driver API, ``cuda.h``.
"""

import ctypes

from heygem_daemon.doctor.answers import Cuda, tell

LIBRARY = "libcuda.so.1"


def main() -> None:
    """Entry point."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        tell(Cuda(missing=str(error)))
        return
    status = int(library.cuInit(0))
    version = _number(library.cuDriverGetVersion)
    gpus = _number(library.cuDeviceGetCount) if status == 0 else None
    tell(Cuda(status=status, version=version, gpus=gpus or 0))


def _number(function: "ctypes._NamedFuncPointer") -> int | None:
    value = ctypes.c_int()
    return value.value if function(ctypes.byref(value)) == 0 else None


if __name__ == "__main__":
    main()
