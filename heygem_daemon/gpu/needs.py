"""How much memory an engine needs on a device: measured by a worker, read here without torch.

A worker measures an engine when it loads it. The cache's ``needs`` folder holds one small file for
each engine, state of the weights files, kind of device, and version of the libraries. Without a
file, a cautious estimate applies: a job that waits a little too long is better than one that runs
out of memory.
"""

import json
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from heygem_daemon import __version__
from heygem_daemon.gpu.torch_build import torch_version
from heygem_daemon.system.atomic import write_atomically
from heygem_daemon.system.units import MIB

FOLDER = "needs"
FORMAT_VERSION = 1
"""Raised whenever the same measurement would mean something else."""


class Need(BaseModel):
    """Memory that a worker needs for one job, in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resident_bytes: int = Field(ge=0)
    """GPU memory that does not depend on the batch: weights, workspaces of libraries, the CUDA
    context, and the peak of speech analysis and tracking."""
    per_frame_bytes: int = Field(ge=0)
    """GPU memory for each frame of a batch."""
    least_batch: int = Field(default=1, ge=1)
    """The smallest batch, in frames, with which a job starts."""
    host_bytes: int = Field(default=0, ge=0)
    """Peak main memory of the worker process."""
    measured: bool = False
    """False for an estimate."""

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
    """Return what ``engine`` needs on a device of that name, as measured, or ``ESTIMATE``.

    ``stamp`` identifies the weights files (``checkpoints.weights_fingerprint``). ``device_name``
    is the driver's name of the device, or 'CPU'. Raises nothing: a file that cannot be read counts
    as missing.
    """
    try:
        return Need.model_validate_json(_file(cache, engine, stamp, device_name).read_bytes())
    except (OSError, ValidationError):
        return ESTIMATE


def save_need(cache: Path, engine: str, stamp: str, device_name: str, need: Need) -> None:
    """Store a measured ``need`` durably, for ``load_need``.

    Errors of the disk are ignored, so that a full disk stops no worker: the next load measures
    again.
    """
    file = _file(cache, engine, stamp, device_name)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, need.model_dump_json(indent=1) + "\n", durable=True)


def _file(cache: Path, engine: str, stamp: str, device_name: str) -> Path:
    key = (FORMAT_VERSION, __version__, torch_version(), engine, stamp, device_name)
    return cache / FOLDER / f"{sha256(json.dumps(key).encode()).hexdigest()[:32]}.json"
