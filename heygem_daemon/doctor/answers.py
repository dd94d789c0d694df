"""The answers of the doctor's child processes, which ``probe`` prints and ``child`` reads."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class CudaAnswer:
    """What the driver's own CUDA library, ``libcuda.so.1``, answers without torch."""

    missing: str | None = None
    """Why the library cannot be loaded; None if it can."""
    status: int | None = None
    """What cuInit returned; 0 for success."""
    version: int | None = None
    """The newest CUDA version that it supports: 1000 * major + 10 * minor."""
    gpus: int = 0
    """How many GPUs it shows to the process."""


@dataclass(frozen=True, slots=True)
class TorchGpu:
    """A GPU as torch sees it."""

    uuid: str
    name: str
    capability: tuple[int, int]
    """NVIDIA's compute capability, major and minor."""
    bfloat16: bool
    """Whether it computes in bfloat16 without emulation."""


@dataclass(frozen=True, slots=True)
class TorchAnswer:
    """The installed torch, and the GPUs that it sees."""

    version: str
    cuda: str | None
    """The CUDA version that it is built for, such as '13.0'; None for a build without CUDA."""
    architectures: tuple[str, ...] = ()
    """What its kernels are compiled for: 'sm_90' is machine code, 'compute_90' is code that the
    driver translates for that and newer GPUs."""
    gpus: tuple[TorchGpu, ...] = ()
    problem: str | None = None
    """Why it sees no GPU, in torch's words."""


@dataclass(frozen=True, slots=True)
class LibraryAnswer:
    """A library that was imported and used."""

    version: str
    missing: tuple[str, ...] = ()
    """What it lacks that only some jobs need, as clauses."""


@dataclass(frozen=True, slots=True)
class SigningAnswer:
    """What a trial signature with the configured certificate and key showed."""

    problem: str | None = None
    """Why nothing can be signed with them; None: it can."""
    expires: float | None = None
    """When the certificate ceases to be valid, UNIX time; None: not known."""


@dataclass(frozen=True, slots=True)
class ConfinementAnswer:
    """What a process found after it had confined itself."""

    description: str
    """What the kernel was asked for and granted, in words."""
    complete: bool
    """Whether all that was asked for was granted."""
    open_ways: tuple[str, ...] = ()
    """What the process could do all the same."""


@dataclass(frozen=True, slots=True)
class FolderAnswer:
    """A folder whose file system answered."""

    path: str


@dataclass(frozen=True, slots=True)
class VideoHardware:
    """Whether the GPU's H.264 encoder and decoder worked on a picture."""

    encoder: str | None = None
    """Why the encoder did not work; None if it did."""
    decoder: str | None = None
    """Why the decoder did not work; None if it did."""


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """How fast and how exactly a device multiplies square matrices in one number type."""

    precision: str
    """The number type, such as 'float32'."""
    teraflops: float
    """1e12 operations a second."""
    error: float
    """Largest difference from the product in float64, divided by the largest value there."""


@dataclass(frozen=True, slots=True)
class EngineSpeed:
    """How fast an engine works on synthetic input."""

    engine: str
    precision: str
    """The number type in which its networks compute."""
    load_seconds: float
    hearing: float
    """Seconds of audio analysed in a second."""
    tracking: float
    """Pictures of 1080 lines in which a face is tracked, in a second."""
    drawing: float
    """Pictures of 1080 lines drawn in a second."""

    @property
    def frames_per_second(self) -> float:
        """Pictures tracked and then drawn in a second, as in a job."""
        return 1 / (1 / self.tracking + 1 / self.drawing)


@dataclass(frozen=True, slots=True)
class DeviceSpeed:
    """How fast a device is."""

    uuid: str | None
    """UUID of the GPU that CUDA used; None on the CPU."""
    products: tuple[MatrixProduct, ...]
    engine_speed: EngineSpeed | None = None
    """None if the engine could not be loaded."""
    problem: str | None = None
    """Why the engine could not be loaded."""


def print_answer(answer: object) -> None:
    """Print one of these answers as a line of JSON, the last line of a child process."""
    print(json.dumps(asdict(answer)), flush=True)  # type: ignore[call-overload] # noqa: T201
