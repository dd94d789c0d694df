"""Findings about Python, the libraries, and the installed torch, from child processes' answers."""

import platform
import sys

from heygem_daemon.doctor.answers import LibraryAnswer, TorchAnswer, TorchGpu, VideoHardware
from heygem_daemon.doctor.check import Check, failed, passed, warned
from heygem_daemon.doctor.child import ProbeFailure
from heygem_daemon.doctor.driver import HUNG_DRIVER_REMEDY
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.gpu.torch_build import TorchBuild
from heygem_daemon.system.installation import Installation, as_sentence, find_installation


def python_check() -> Check:
    """Return which Python runs this."""
    return passed("Python", f"{platform.python_version()}, run from {sys.executable}")


def torchaudio_check(answer: LibraryAnswer | ProbeFailure) -> Check:
    """Return whether the parts of torchaudio work that the daemon uses."""
    if isinstance(answer, ProbeFailure):
        remedy = find_installation().add("--no-deps torchaudio==2.11.0")
        return failed("torchaudio", answer.reason, as_sentence(remedy))
    return passed("torchaudio", f"{answer.version}, pure Python parts")


def encoder_check(answer: LibraryAnswer | ProbeFailure) -> Check:
    """Return whether the encoders work that every job needs."""
    name = "encoder"
    if isinstance(answer, ProbeFailure):
        return failed(name, answer.reason, _reinstalled_pyav())
    if answer.missing:
        missing = f"PyAV {answer.version}: {'; '.join(answer.missing)}"
        return warned(name, missing, _reinstalled_pyav())
    return passed(name, f"libx264, libx265, prores_ks and aac of PyAV {answer.version}, on the CPU")


def _reinstalled_pyav() -> str:
    remedy = find_installation().add("--force-reinstall --no-deps --only-binary=av av")
    return f"Install PyAV from its own wheel: {remedy}."


def hardware_checks(answer: VideoHardware | ProbeFailure) -> list[Check]:
    """Return whether the GPU's video encoder and decoder work. No job needs them."""
    if isinstance(answer, ProbeFailure):
        remedy = "No job uses them, but a driver that fails here may fail elsewhere: see dmesg."
        return [warned("NVENC, NVDEC", answer.reason, remedy)]
    return [
        _codec("NVENC", "encodes H.264", answer.encoder),
        _codec("NVDEC", "decodes H.264", answer.decoder),
    ]


def _codec(name: str, does: str, problem: str | None) -> Check:
    works = f"{does}; not needed, the CPU does that"
    return passed(name, works if problem is None else f"not available ({problem}); not needed")


def torch_build_check(build: TorchBuild | None, readings: Readings, device: str) -> Check:
    """Return whether the installed torch suits the GPUs, without importing it."""
    name = "torch"
    if build is None:
        return failed(name, "not installed", as_sentence(find_installation().renew("torch")))
    if build.cuda is not None:
        return passed(name, f"{build.version}, built for CUDA {build.cuda}")
    detail = f"{build.version}, built without CUDA"
    if device == "cpu" or (device == "auto" and not readings.gpus):
        return passed(name, f"{detail}, computes on the CPU")
    names = sorted({gpu.name for gpu in readings.gpus if gpu.fault is None})
    if names:
        detail += f": it cannot use the {', '.join(names)}"
    remedy = _cuda_remedy(find_installation(), bool(readings.gpus))
    return (warned if device == "auto" else failed)(name, detail, remedy)


def _cuda_remedy(installation: Installation, has_driver: bool) -> str:
    """Return how to get a torch with CUDA. Without a driver, the CPU build would come again."""
    renewal, builder = installation.renew("torch"), installation.builder
    if has_driver:
        return f"{as_sentence(renewal)} Where a driver is present, {builder} takes the CUDA build."
    return (
        f"Make the driver work first (see NVIDIA driver): without one, {builder} takes the CPU"
        f' build again. Then {renewal}; or set device to "auto" or "cpu".'
    )


def torch_import_checks(answer: TorchAnswer | ProbeFailure) -> list[Check]:
    """Return a failure if torch cannot be imported, else nothing: other findings show that."""
    if not isinstance(answer, ProbeFailure):
        return []
    renewed = as_sentence(find_installation().renew("torch"))
    remedy = HUNG_DRIVER_REMEDY if answer.hung else renewed
    return [failed("torch import", answer.reason, remedy)]


def torch_checks(answer: TorchAnswer, readings: Readings) -> list[Check]:
    """Return what torch sees of the GPUs, and in which number types each computes."""
    if answer.problem is not None:
        return [failed("torch and CUDA", answer.problem, "See the findings on driver and CUDA.")]
    indices = {gpu.uuid: gpu.index for gpu in readings.gpus}
    return [
        _number_types_check(
            f"numbers of GPU {indices.get(gpu.uuid, '?')}", gpu, answer.architectures
        )
        for gpu in answer.gpus
    ]


def _number_types_check(name: str, gpu: TorchGpu, architectures: tuple[str, ...]) -> Check:
    """Return its number types, and whether torch has code for it."""
    capability = gpu.capability
    version = f"compute capability {capability[0]}.{capability[1]}"
    if not _has_code(capability, architectures):
        remedy = f"Install a torch that was built for sm_{capability[0]}{capability[1]}."
        return failed(name, f"{version}: this torch has no code for it", remedy)
    # Half precision is faster where tensor cores multiply it: from Volta (7.0) on.
    kinds = ["float32", *(["float16"] if capability >= (7, 0) else [])]
    kinds += ["bfloat16"] if gpu.bfloat16 else []
    return passed(name, f"{', '.join(kinds)} ({version})")


def _has_code(capability: tuple[int, int], architectures: tuple[str, ...]) -> bool:
    """Return whether a torch built for ``architectures`` runs on a GPU.

    Machine code ('sm_') runs on GPUs of the same major version and the same or a later minor
    version. Code that the driver translates ('compute_') runs on every later GPU. Source: NVIDIA,
    CUDA C++ Programming Guide.
    """
    if not architectures:
        return True
    for architecture in architectures:
        kind, _, digits = architecture.partition("_")
        number = digits.rstrip("af")
        if not number.isdecimal():
            continue
        built = int(number[:-1]), int(number[-1])
        same = built[0] == capability[0] and built <= capability
        if same or (kind == "compute" and built <= capability):
            return True
    return False
