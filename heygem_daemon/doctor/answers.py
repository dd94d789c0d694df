"""What the doctor's child processes answer. Data, printed by ``probe`` and read by ``child``."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class CudaAnswer:
    """The driver's own CUDA library, ``libcuda.so.1``, asked without torch.

    ``missing``: why it cannot be loaded. ``status``: what cuInit returned, 0 for success.
    ``version``: the newest CUDA that it serves, as 1000 * major + 10 * minor. ``gpus``: how many
    it shows to this process.
    """

    missing: str | None = None
    status: int | None = None
    version: int | None = None
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class TorchGpu:
    """A GPU as torch sees it. ``capability``: NVIDIA's compute capability, major and minor."""

    uuid: str
    name: str
    capability: tuple[int, int]
    bfloat16: bool


@dataclass(frozen=True, slots=True)
class TorchAnswer:
    """The installed torch. ``architectures``: what its kernels are compiled for, as 'sm_90' (code)
    or 'compute_90' (translated by the driver for that and newer GPUs). ``problem``: why it shows
    no GPU, in torch's words."""

    version: str
    cuda: str | None
    architectures: tuple[str, ...] = ()
    gpus: tuple[TorchGpu, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class LibraryAnswer:
    """A library that was imported and tried."""

    version: str


@dataclass(frozen=True, slots=True)
class FolderAnswer:
    """A folder whose file system has answered."""

    path: str


@dataclass(frozen=True, slots=True)
class VideoHardware:
    """Whether the GPU's encoder and decoder of H.264 worked on a picture; else why not."""

    encoder: str | None = None
    decoder: str | None = None


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """Products of square matrices in one type of numbers. ``teraflops``: 1e12 operations a second.
    ``error``: largest difference from the product in float64, over the largest value there."""

    precision: str
    teraflops: float
    error: float


@dataclass(frozen=True, slots=True)
class EngineSpeed:
    """What an engine does on made-up input. ``hearing``: seconds of sound heard in a second;
    ``tracking`` and ``drawing``: pictures of 1080 lines in a second; ``load_seconds``: to load it.
    """

    engine: str
    precision: str
    load_seconds: float
    hearing: float
    tracking: float
    drawing: float

    @property
    def frames_per_second(self) -> float:
        """Pictures in a second that are tracked and then drawn, as in a job."""
        return 1 / (1 / self.tracking + 1 / self.drawing)


@dataclass(frozen=True, slots=True)
class DeviceSpeed:
    """What a device does. ``uuid``: of the GPU that CUDA gave, None on the CPU. ``trouble``: why
    the engine could not be exercised."""

    uuid: str | None
    products: tuple[MatrixProduct, ...]
    exercise: EngineSpeed | None = None
    trouble: str | None = None


def print_answer(answer: object) -> None:
    """Print an answer of one of these forms as the last line of this program."""
    print(json.dumps(asdict(answer)), flush=True)  # type: ignore[call-overload] # noqa: T201
