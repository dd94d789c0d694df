"""What an engine needs of a device: measured by a worker at its load, read here without torch.

One small file for each engine, state of the weights files, kind of device and version of the
libraries lies in the cache's ``needs`` folder. Until there is one, a cautious estimate counts: a
job that waits a little too long is better than one that runs out of memory.
"""

import json
import os
from contextlib import suppress
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from heygem_daemon import __version__
from heygem_daemon.spool.files import sync_file, sync_folder
from heygem_daemon.system.units import MIB

FOLDER = "needs"
FORMAT_VERSION = 1
"""Raised whenever the same measurement would mean something else."""


class Need(BaseModel):
    """Memory that a worker needs for one job, in bytes.

    ``resident_bytes``: of the GPU, whatever the batch: weights, libraries' workspaces, CUDA's own
    context, and the peak of listening and tracking. ``per_frame_bytes``: of the GPU, for each
    frame of a batch beyond that. ``least_batch``: frames below which a job is not begun.
    ``host_bytes``: main memory of the worker's process at its peak. ``measured``: false for an
    estimate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    resident_bytes: int = Field(ge=0)
    per_frame_bytes: int = Field(ge=0)
    least_batch: int = Field(default=1, ge=1)
    host_bytes: int = Field(default=0, ge=0)
    measured: bool = False

    @property
    def vram_bytes(self) -> int:
        """What must be free on a GPU before a worker starts there."""
        return self.resident_bytes + self.least_batch * self.per_frame_bytes


ESTIMATE = Need(
    resident_bytes=2560 * MIB,
    per_frame_bytes=64 * MIB,
    least_batch=8,
    host_bytes=3072 * MIB,
)
"""More than either engine took wherever it was measured."""


def load_need(cache: Path, engine: str, stamp: str, device_name: str) -> Need:
    """What ``engine`` needs on a device of that name, as measured there; else ``ESTIMATE``.

    ``stamp``: of the weights files (``checkpoints.fingerprint``). ``device_name``: as the driver
    calls the device, or 'CPU'. Raises nothing: a file that cannot be read counts as none.
    """
    try:
        return Need.model_validate_json(_file(cache, engine, stamp, device_name).read_bytes())
    except (OSError, ValidationError):
        return ESTIMATE


def save_need(cache: Path, engine: str, stamp: str, device_name: str, need: Need) -> None:
    """Write down a measured ``need``, durably, for ``need_of``.

    Best effort, so that a full disk stops no worker: without it the next load measures again.
    """
    file = _file(cache, engine, stamp, device_name)
    # Workers on GPUs of one kind may measure at the same time: each writes a draft of its own.
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(need.model_dump_json(indent=1) + "\n", encoding="utf-8")
        sync_file(draft)
        draft.replace(file)
        sync_folder(file.parent)


def _file(cache: Path, engine: str, stamp: str, device_name: str) -> Path:
    what = (FORMAT_VERSION, __version__, torch_version(), engine, stamp, device_name)
    return cache / FOLDER / f"{sha256(json.dumps(what).encode()).hexdigest()[:32]}.json"


def torch_version() -> str:
    """The version of the installed torch, which brings all CUDA libraries; '' without one."""
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return ""
