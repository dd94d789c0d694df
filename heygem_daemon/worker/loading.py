"""Loads an engine onto the chosen device, proves that it is there, and measures what it needs.

An engine for a GPU never ends up on the CPU instead: a missing device, another device, and weights
that lie elsewhere are refused. What an engine needs is measured by running a job's work on
synthetic input.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heygem_daemon.device.torch_errors import is_out_of_memory
from heygem_daemon.engines.checkpoints import WeightsStamp, weights_fingerprint, weights_stamp
from heygem_daemon.engines.shipped_weights import verify_weights
from heygem_daemon.errors import DeviceUnavailable
from heygem_daemon.gpu.needs import Need, load_need, save_need
from heygem_daemon.protocol import Load, Ready
from heygem_daemon.system.host_memory import peak_resident_bytes
from heygem_daemon.system.units import GIB, MIB
from heygem_daemon.worker.wire import measure_vitals

if TYPE_CHECKING:
    from heygem_daemon.device.memory import DeviceMemory
    from heygem_daemon.engines.base import Device, Engine

ResolveNeed = Callable[["Engine[Any]", Load], Need]
TryOut = Callable[[int], None]
"""Does a job's work on that many frames at once."""

MIN_BATCH = 8
"""A job starts on a GPU only where this many frames fit."""
SMALL_BATCH_DIVISOR = 4
"""The smaller of the two measured batches is the larger one divided by this."""
HOST_OVERHEAD_BYTES = 1024 * MIB
"""Main memory that decoding, encoding and the review of the result take besides the engine. 1080p
video took up to two thirds of it."""
MAX_KERNEL_BYTES = GIB
"""The code of kernels takes less than this; if more is gone, another process took it."""


class Loader:
    """Loads engines, and remembers how much of the device's memory was taken before."""

    def __init__(self) -> None:
        self._initial_bytes: int | None = None
        """The memory that was available for our data before the first engine."""
        self._other_engines_bytes = 0
        """What the engines took that were loaded before the last one."""

    def load(self, load: Load) -> "Engine[Any]":
        """Check the device, then load the engine onto it.

        Raises DeviceUnavailable where CUDA does not show the chosen device, and EnvironmentFault
        where the engine cannot be loaded.
        """
        # Not at the top: these imports take seconds, in which Halt must be readable.
        with _without_garbage_collection():
            return self._load(load)

    def _load(self, load: Load) -> "Engine[Any]":
        from heygem_daemon.device.memory import device_memory  # noqa: PLC0415
        from heygem_daemon.engines.registry import load_engine  # noqa: PLC0415

        device = checked_device(load)
        memory = device_memory(load.device)
        if self._initial_bytes is None:
            self._initial_bytes = memory.capacity_bytes()
        self._other_engines_bytes = memory.used_bytes()
        verify_weights(Path(load.weights))
        return load_engine(
            load.engine,
            Path(load.weights),
            device,
            Path(load.cache),
            load.threads,
            own_checkpoints(load),
        )

    def resolve_need(self, engine: "Engine[Any]", load: Load) -> Need:
        """Return what ``engine`` needs on its device: as stored, or measured and stored now.

        Raises DeviceUnavailable where its weights are not on that device.
        """
        require_on_device(engine)
        need = self._load_need(engine, load)
        if not need.measured:
            need = self._measure_need(engine)
        self._save_need(engine, load, need)
        engine.bytes_per_frame = need.per_frame_bytes
        return need

    def record_peak(self, engine: "Engine[Any]", load: Load) -> None:
        """Store the main memory that a job took, if it is more than was measured before."""
        need = self._load_need(engine, load)
        peak = peak_resident_bytes()
        if need.measured and peak > need.host_bytes:
            self._save_need(engine, load, need.model_copy(update={"host_bytes": peak}))

    def _load_need(self, engine: "Engine[Any]", load: Load) -> Need:
        return load_need(Path(load.cache), engine.name, *_need_key(engine, load))

    def _save_need(self, engine: "Engine[Any]", load: Load, need: Need) -> None:
        # Also under the name that the supervisor uses, which may be 'auto'.
        for name in {engine.name, load.engine}:
            if load_need(Path(load.cache), name, *_need_key(engine, load)) != need:
                save_need(Path(load.cache), name, *_need_key(engine, load), need)

    def _measure_need(self, engine: "Engine[Any]") -> Need:
        from heygem_daemon.device.memory import device_memory  # noqa: PLC0415
        from heygem_daemon.engines.trial import Trial  # noqa: PLC0415

        memory = device_memory(engine.device.torch_device)
        need = measure_need(Trial(engine), engine.batch, memory)
        memory.release_cached()
        return need.model_copy(
            update={
                "resident_bytes": max(0, need.resident_bytes + self._overhead_bytes(memory)),
                "host_bytes": peak_resident_bytes() + HOST_OVERHEAD_BYTES,
            }
        )

    def _overhead_bytes(self, memory: "DeviceMemory") -> int:
        """Return the GPU memory beside this engine's own data, minus that of other engines.

        That is the CUDA context, and the code of kernels, which is all loaded by now.
        """
        if not memory.overhead_bytes:
            return 0
        kernels = max(0, (self._initial_bytes or 0) - memory.capacity_bytes())
        return memory.overhead_bytes + min(kernels, MAX_KERNEL_BYTES) - self._other_engines_bytes


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Importing torch makes a million objects that all stay: looking for garbage among them takes a
    quarter of its time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _need_key(engine: "Engine[Any]", load: Load) -> tuple[str, str]:
    """Return the state of the weights and the device's name, under which a need is stored."""
    return weights_fingerprint(
        Path(load.weights), own_checkpoints(load)
    ), load.device_name or engine.device.name


def own_checkpoints(load: Load) -> Path | None:
    """Return the folder of the user's checkpoints; None: the weights folder."""
    return Path(load.checkpoints) if load.checkpoints is not None else None


def read_weights_stamp(load: Load) -> WeightsStamp:
    """Return the state of all weights files."""
    return weights_stamp(Path(load.weights), own_checkpoints(load))


def ready_message(engine: "Engine[Any]", need: Need, seconds: float) -> Ready:
    """Return the message that describes a loaded engine to the supervisor.

    ``seconds``: how long loading took. Raises DeviceUnavailable like ``require_on_device``.
    """
    vitals = measure_vitals(engine.device.torch_device != "cpu")
    return Ready(
        engine=engine.name,
        device=engine.device.torch_device,
        device_name=engine.device.name,
        uuid=engine.device.uuid,
        precision=engine.precision,
        precision_reason=engine.precision_reason,
        parameters_device=require_on_device(engine),
        seconds=seconds,
        vram_bytes=vitals.vram_reserved_bytes,
        vram_allocated_bytes=vitals.vram_active_bytes,
        rss_bytes=vitals.rss_bytes,
        weights_sha256=engine.weights_sha256,
        batch=engine.batch,
        resident_bytes=need.resident_bytes,
        per_frame_bytes=need.per_frame_bytes,
        host_bytes=need.host_bytes,
    )


def require_on_device(engine: "Engine[Any]") -> str:
    """Return torch's name of the device that holds the weights of all networks.

    Returns '' for an engine without weights. Raises DeviceUnavailable where that is not the
    engine's device.
    """
    chosen = engine.device.torch_device
    first = (next(network.parameters(), None) for network in engine.networks)
    places = {str(weight.device) for weight in first if weight is not None}
    if places - {chosen}:
        where = " and ".join(sorted(places))
        raise DeviceUnavailable(
            f"The engine {engine.name} was loaded to {where}, though {chosen} was chosen."
        )
    return "".join(places)


def checked_device(load: Load) -> "Device":
    """Return the device that the supervisor chose, after checking that CUDA shows exactly that one.

    Raises DeviceUnavailable where CUDA shows no device, another one, or several.
    """
    import torch  # noqa: PLC0415

    from heygem_daemon.engines.base import Device  # noqa: PLC0415

    if load.device == "cpu":
        return Device()
    if not torch.cuda.is_available():
        raise DeviceUnavailable(f"CUDA shows this worker no GPU, though {load.uuid} was chosen.")
    if (count := torch.cuda.device_count()) != 1:
        raise DeviceUnavailable(
            f"The worker was to see {load.uuid} alone, but CUDA shows it {count} GPUs."
        )
    shown = f"GPU-{torch.cuda.get_device_properties(0).uuid}"
    # The properties of a MIG instance have the UUID of the GPU that it is a part of.
    if load.uuid is not None and load.uuid.startswith("GPU-") and load.uuid != shown:
        raise DeviceUnavailable(f"The worker was to get {load.uuid}, but CUDA shows it {shown}.")
    # float32 shall be exact: by default torch's convolutions compute it with 10 bits of fraction.
    torch.backends.cudnn.allow_tf32 = False
    return Device(load.device, torch.cuda.get_device_name(0), load.uuid)


def measure_need(try_out: TryOut, batch: int, memory: "DeviceMemory") -> Need:
    """Measure the need of an engine whose work is ``try_out``, with batches of up to ``batch``.

    Two batches show what is resident and what each frame takes; only the first has to do what does
    not depend on the batch. Where the larger batch does not
    fit, a smaller one is measured. What ``memory`` does not see, and ``host_bytes``, are left to
    the caller. Raises the device's error where not even the smallest batch fits.
    """
    small = max(1, batch // SMALL_BATCH_DIVISOR)
    low = _measure_peak(try_out, small, memory)
    large, high = batch, None
    while high is None and large > small:
        high = _measure_peak_if_it_fits(try_out, large, memory)
        large = large if high is not None else large // 2
    per_frame = 0 if high is None else max(0, high - low) // (large - small)
    return Need(
        resident_bytes=max(0, low - small * per_frame),
        per_frame_bytes=per_frame,
        least_batch=min(MIN_BATCH, batch),
        measured=True,
    )


def _measure_peak(try_out: TryOut, frames: int, memory: "DeviceMemory") -> int:
    """Return the most memory in use, in bytes, during the work on ``frames`` frames."""
    memory.release_cached()
    memory.reset_peak()
    try_out(frames)
    return memory.peak_bytes()


def _measure_peak_if_it_fits(try_out: TryOut, frames: int, memory: "DeviceMemory") -> int | None:
    try:
        return _measure_peak(try_out, frames, memory)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    return None
