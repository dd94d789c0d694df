"""``python -m heygem_daemon.doctor.probe NAME [ARGUMENT]``: examines one thing.

The doctor runs probes as child processes, because each may hang, crash or fail to import. A probe
prints one JSON answer (a dataclass of ``answers``). Each imports only what it examines, so that one
broken library does not affect another probe.
"""

import ctypes
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from heygem_daemon.doctor.answers import (
    ConfinementAnswer,
    CudaAnswer,
    FolderAnswer,
    LibraryAnswer,
    TorchAnswer,
    TorchGpu,
    VideoHardware,
    print_answer,
)
from heygem_daemon.system.confinement import Permissions, confine_process

CUDA_LIBRARY = "libcuda.so.1"


def cuda() -> None:
    """Examine the driver's CUDA library without torch, whose import takes seconds.

    Functions and codes: CUDA Driver API, ``cuda.h``.
    """
    try:
        library = ctypes.CDLL(CUDA_LIBRARY)
    except OSError as error:
        print_answer(CudaAnswer(missing=str(error)))
        return
    status = int(library.cuInit(0))
    version = _number(library.cuDriverGetVersion)
    gpus = _number(library.cuDeviceGetCount) if status == 0 else None
    print_answer(CudaAnswer(status=status, version=version, gpus=gpus or 0))


def _number(function: "ctypes._NamedFuncPointer") -> int | None:
    value = ctypes.c_int()
    return value.value if function(ctypes.byref(value)) == 0 else None


def driver() -> None:
    """Read all GPUs through NVML."""
    from heygem_daemon.gpu import nvml  # noqa: PLC0415

    print_answer(nvml.read_once())


def reach(path: str) -> None:
    """Access the file system at ``path``; on a lost share this may never return."""
    from heygem_daemon.doctor.disk import nearest_existing  # noqa: PLC0415

    there = nearest_existing(Path(path))
    os.statvfs(there)
    print_answer(FolderAnswer(str(there)))


def confinement() -> None:
    """Confine this process like one that decodes a file, and try what it must not be able to."""
    attempts: dict[str, Callable[[], object]] = {
        "read the root folder": lambda: list(Path("/").iterdir()),
        "open a socket": socket.socket,
        "start a program": lambda: os.posix_spawn(sys.executable, [sys.executable, "-V"], {}),
        "signal its parent": lambda: os.kill(os.getppid(), 0),
    }
    result = confine_process(Permissions())
    open_ways = tuple(name for name, attempt in attempts.items() if _succeeds(attempt))
    print_answer(ConfinementAnswer(str(result), not result.problem, open_ways))


def _succeeds(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def torch_build() -> None:
    """Examine the installed torch and the GPUs that it sees."""
    import torch  # noqa: PLC0415

    build = torch.version.cuda
    if build is None:
        print_answer(TorchAnswer(torch.__version__, None))
        return
    try:
        torch.zeros(1, device="cuda")
        gpus = tuple(_torch_gpu(index) for index in range(torch.cuda.device_count()))
        problem = None
    except RuntimeError as error:
        gpus, problem = (), str(error).splitlines()[0]
    print_answer(
        TorchAnswer(torch.__version__, build, tuple(torch.cuda.get_arch_list()), gpus, problem)
    )


def _torch_gpu(index: int) -> TorchGpu:
    import torch  # noqa: PLC0415

    properties = torch.cuda.get_device_properties(index)
    with torch.cuda.device(index):
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    capability = (properties.major, properties.minor)
    return TorchGpu(f"GPU-{properties.uuid}", properties.name, capability, bfloat16)


def torchaudio_parts() -> None:
    """Call each part of torchaudio that the daemon uses."""
    from heygem_daemon.speech.torchaudio_pure import import_functional  # noqa: PLC0415

    import_functional().melscale_fbanks(201, 0.0, 8000.0, 80, 16000)
    import torchaudio  # noqa: PLC0415 - possible only now, without its compiled extension

    print_answer(LibraryAnswer(torchaudio.__version__))


def video(kind: str, confine: str = "off") -> None:
    """Try PyAV's codecs: ``software``, which every job needs, or ``hardware``, which may hang.

    ``confine`` is the setting: with ``auto`` the software is tried in a confined process.
    """
    import av  # noqa: PLC0415

    from heygem_daemon.media import codec_check  # noqa: PLC0415

    if kind == "hardware":
        print_answer(VideoHardware(codec_check.check_nvenc(), codec_check.check_nvdec()))
        return
    if confine == "auto":
        confine_process(Permissions())
    if (problem := codec_check.check_software_codecs()) is not None:
        sys.exit(problem)
    print_answer(LibraryAnswer(av.__version__, codec_check.missing_parts()))


PROBES: dict[str, Callable[..., None]] = {
    "confinement": confinement,
    "cuda": cuda,
    "driver": driver,
    "reach": reach,
    "torch_build": torch_build,
    "torchaudio_parts": torchaudio_parts,
    "video": video,
}


if __name__ == "__main__":
    PROBES[sys.argv[1]](*sys.argv[2:])
