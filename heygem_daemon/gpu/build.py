"""Whether the installed torch can compute on a GPU, found out without importing it."""

import re
from importlib import metadata, util
from pathlib import Path


def cuda_usable() -> bool:
    """Whether the installed torch is built for CUDA; False where torch is not installed.

    A build from PyTorch's own index carries '+cpu' in its version. One from elsewhere may not,
    so torch's ``version.py`` is read as text: it holds ``cuda`` as a string or None.
    """
    try:
        if metadata.version("torch").endswith("+cpu"):
            return False
    except metadata.PackageNotFoundError:
        return False
    return _cuda_of_build() is not None


def _cuda_of_build() -> str | None:
    """The CUDA version of the build, as in '13.0', or None."""
    spec = util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    found = re.search(r"^cuda\b[^=]*=\s*['\"]([^'\"]+)['\"]", text, re.MULTILINE)
    return found.group(1) if found else None
