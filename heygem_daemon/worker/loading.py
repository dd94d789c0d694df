"""Load an engine onto the device that was chosen for it, and prove that it is there.

An engine that should be on a GPU never ends up on the CPU instead: a device that is not there, or
is another one, and weights that lie elsewhere, are refused.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heygem_daemon.checkpoints import Stamp, fingerprint, stamp
from heygem_daemon.errors import DeviceUnavailable
from heygem_daemon.gpu.needs import Need, keep, need_of
from heygem_daemon.host_memory import peak_resident_bytes
from heygem_daemon.protocol import Load, Ready
from heygem_daemon.worker.measuring import BESIDE_HOST_BYTES, measured_need
from heygem_daemon.worker.vitals import measure

if TYPE_CHECKING:
    from heygem_daemon.engines.base import Device, Engine
    from heygem_daemon.engines.memory import DeviceMemory

Examine = Callable[["Engine[Any]", Load], Need]

MOST_KERNELS_BYTES = 1 << 30
"""More than this the code of kernels does not take: what else is gone, another process took."""


class Loader:
    """Loads engines; remembers what of the device's memory was taken before."""

    def __init__(self) -> None:
        self._outset: int | None = None
        """What there was for all data of ours, before the first engine."""
        self._others = 0
        """What engines took that were loaded before the last."""

    def load(self, load: Load) -> "Engine[Any]":
        """Check the device, then load the engine onto it."""
        # Here and not above: the import takes seconds, and Halt must be readable meanwhile.
        from heygem_daemon.engines.catalogue import load_engine  # noqa: PLC0415
        from heygem_daemon.engines.memory import memory_of  # noqa: PLC0415

        device = device_of(load)
        memory = memory_of(load.device)
        if self._outset is None:
            self._outset = memory.room()
        self._others = memory.used()
        return load_engine(load.engine, Path(load.weights), device, Path(load.cache), load.threads)

    def examine(self, engine: "Engine[Any]", load: Load) -> Need:
        """What ``engine`` needs on its device: as written down, or measured and written down now.

        Raises DeviceUnavailable where its weights do not lie on that device.
        """
        require_on_device(engine)
        need = self._known(engine, load)
        if not need.measured:
            need = self._measured(engine)
        self._write_down(engine, load, need)
        engine.bytes_per_frame = need.per_frame_bytes
        return need

    def learn(self, engine: "Engine[Any]", load: Load) -> None:
        """Write down what a job took, where that was more than was measured at the load."""
        need = self._known(engine, load)
        most = peak_resident_bytes()
        if need.measured and most > need.host_bytes:
            self._write_down(engine, load, need.model_copy(update={"host_bytes": most}))

    def _known(self, engine: "Engine[Any]", load: Load) -> Need:
        return need_of(Path(load.cache), engine.name, *_where(engine, load))

    def _write_down(self, engine: "Engine[Any]", load: Load, need: Need) -> None:
        # Also under the name by which the supervisor asked for it, which may be 'auto'.
        for name in {engine.name, load.engine}:
            if need_of(Path(load.cache), name, *_where(engine, load)) != need:
                keep(Path(load.cache), name, *_where(engine, load), need)

    def _measured(self, engine: "Engine[Any]") -> Need:
        from heygem_daemon.engines.memory import memory_of  # noqa: PLC0415
        from heygem_daemon.engines.trial import try_out  # noqa: PLC0415

        memory = memory_of(engine.device.torch_device)
        need = measured_need(partial(try_out, engine), engine.batch, memory)
        memory.relieve()
        return need.model_copy(
            update={
                "resident_bytes": max(0, need.resident_bytes + self._beside(memory)),
                "host_bytes": peak_resident_bytes() + BESIDE_HOST_BYTES,
            }
        )

    def _beside(self, memory: "DeviceMemory") -> int:
        """What of a GPU's memory lies beside this engine's own: the context, and the code of
        kernels, all of which is loaded by now; less what belongs to other engines."""
        if not memory.unseen_bytes:
            return 0
        kernels = max(0, (self._outset or 0) - memory.room())
        return memory.unseen_bytes + min(kernels, MOST_KERNELS_BYTES) - self._others


def _where(engine: "Engine[Any]", load: Load) -> tuple[str, str]:
    """The state of the weights and the device's name, by which a need is known."""
    return fingerprint(Path(load.weights)), load.device_name or engine.device.name


def require_on_device(engine: "Engine[Any]") -> str:
    """Where the weights of all networks lie, as torch says it; '' for an engine without any.

    Raises DeviceUnavailable where that is not the engine's device.
    """
    wanted = engine.device.torch_device
    first = (next(network.parameters(), None) for network in engine.networks)
    places = {str(weight.device) for weight in first if weight is not None}
    if places - {wanted}:
        where = " and ".join(sorted(places))
        raise DeviceUnavailable(
            f"The engine {engine.name} was loaded to {where}, though {wanted} was chosen."
        )
    return "".join(places)


def ready_of(engine: "Engine[Any]", need: Need, seconds: float) -> Ready:
    """What the supervisor is told of a loaded engine."""
    vitals = measure(engine.device.torch_device != "cpu")
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


def stamp_of(load: Load) -> Stamp:
    """The state of all weights files."""
    return stamp(Path(load.weights))


def device_of(load: Load) -> "Device":
    """The device that the supervisor chose, checked to be that one.

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
    seen = f"GPU-{torch.cuda.get_device_properties(0).uuid}"
    # A MIG instance's properties carry the UUID of the GPU that it is a part of.
    if load.uuid is not None and load.uuid.startswith("GPU-") and load.uuid != seen:
        raise DeviceUnavailable(f"The worker was to get {load.uuid}, but CUDA shows it {seen}.")
    # What is called float32 is float32: torch's default for convolutions has 10 bits of fraction.
    torch.backends.cudnn.allow_tf32 = False
    return Device(load.device, torch.cuda.get_device_name(0), load.uuid)
