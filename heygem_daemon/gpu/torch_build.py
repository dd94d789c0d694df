"""Which torch is installed, and whether it can compute on a GPU, without importing it."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TorchBuild:
    """An installed torch."""

    version: str
    cuda: str | None
    """The CUDA version that it is built for, such as '13.0'; None for a build without CUDA."""


def is_cuda_usable() -> bool:
    """Return whether the installed torch is built for CUDA; False where torch is not installed."""
    build = installed_torch()
    return build is not None and build.cuda is not None


def installed_torch() -> TorchBuild | None:
    """Return the installed torch, or None.

    A build from PyTorch's own index carries '+cpu' in its version. A build from elsewhere may
    not, so torch's ``version.py`` is read as text: it holds ``cuda`` as a string or None.
    """
    version = torch_version()
    if not version:
        return None
    return TorchBuild(version, None if version.endswith("+cpu") else _cuda_of_build())


@cache
def torch_version() -> str:
    """Return the version of the installed torch, which brings the CUDA libraries; '' if none is.

    To look it up takes milliseconds, and each start of a job asks for it.
    """
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return ""


def _cuda_of_build() -> str | None:
    """Return the build's CUDA version, such as '13.0', or None."""
    spec = util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    found = re.search(r"^cuda\b[^=]*=\s*['\"]([^'\"]+)['\"]", text, re.MULTILINE)
    return found.group(1) if found else None
