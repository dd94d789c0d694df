"""Findings about the installed torch: what it is built for, and what it sees."""

from heygem_daemon.doctor.answers import Torch, TorchGpu
from heygem_daemon.doctor.check import Check, failed, passed, warned
from heygem_daemon.doctor.child import Trouble
from heygem_daemon.doctor.driver import HUNG
from heygem_daemon.gpu.build import Build
from heygem_daemon.gpu.reading import Readings

AGAIN = "Remove .venv and run 'make venv': where a driver is present it takes the CUDA build."


def build_check(build: Build | None, readings: Readings, device: str) -> Check:
    """The installed torch against the GPUs that there are, without importing it."""
    name = "torch"
    if build is None:
        return failed(name, "not installed", "Run 'make venv' in the checkout.")
    if build.cuda is not None:
        return passed(name, f"{build.version}, built for CUDA {build.cuda}")
    detail = f"{build.version}, built without CUDA"
    if device == "cpu" or (device == "auto" and not readings.gpus):
        return passed(name, f"{detail}, computes on the CPU")
    names = sorted({gpu.name for gpu in readings.gpus if gpu.fault is None})
    if names:
        detail += f": it cannot use the {', '.join(names)}"
    return (warned if device == "auto" else failed)(name, detail, AGAIN)


def import_checks(answer: Torch | Trouble) -> list[Check]:
    """One finding if torch cannot be imported, else none: that it works, others show."""
    if not isinstance(answer, Trouble):
        return []
    remedy = HUNG if answer.hung else "Remove .venv and run 'make venv' again."
    return [failed("torch import", answer.reason, remedy)]


def torch_checks(answer: Torch, readings: Readings) -> list[Check]:
    """What torch sees of the GPUs, and what types of numbers each computes with."""
    if answer.problem is not None:
        return [failed("torch and CUDA", answer.problem, "See the findings on driver and CUDA.")]
    indices = {gpu.uuid: gpu.index for gpu in readings.gpus}
    return [
        _numbers(f"numbers of GPU {indices.get(gpu.uuid, '?')}", gpu, answer.architectures)
        for gpu in answer.gpus
    ]


def _numbers(name: str, gpu: TorchGpu, architectures: tuple[str, ...]) -> Check:
    """Its types of numbers, and whether torch has code for it."""
    capability = gpu.capability
    told = f"compute capability {capability[0]}.{capability[1]}"
    if not _has_code(capability, architectures):
        remedy = f"Install a torch that was built for sm_{capability[0]}{capability[1]}."
        return failed(name, f"{told}: this torch has no code for it", remedy)
    # Half precision pays where tensor cores multiply it: from Volta (7.0) on.
    kinds = ["float32", *(["float16"] if capability >= (7, 0) else [])]
    kinds += ["bfloat16"] if gpu.bfloat16 else []
    return passed(name, f"{', '.join(kinds)} ({told})")


def _has_code(capability: tuple[int, int], architectures: tuple[str, ...]) -> bool:
    """Code runs on GPUs of its own major version and the same or a later minor one; what is kept
    in the driver's language ('compute_') on every later GPU. NVIDIA, CUDA C++ Programming Guide."""
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
