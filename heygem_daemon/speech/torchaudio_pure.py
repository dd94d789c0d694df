"""Import torchaudio without its compiled extension, so that it works with any build of torch.

The extension is compiled for one CUDA release: with a CPU build of torch or another CUDA release,
``import torchaudio`` raises. What this package needs (filter banks, resampling) is pure Python. So
the module that would load the extension is replaced, before the import, by one that reports it as
not available.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from heygem_daemon.errors import EnvironmentFault

_EXTENSION = "torchaudio._extension"


def import_functional() -> ModuleType:
    """Import and return the module ``torchaudio.functional``.

    ``sys.modules`` is not changed if torchaudio is already imported, and restored if the import
    fails. Raises EnvironmentFault where torchaudio is missing or has an unknown structure.
    """
    if "torchaudio" not in sys.modules:
        sys.modules[_EXTENSION] = _absent_extension()
    try:
        return importlib.import_module("torchaudio.functional")
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        _forget_partial_import()
        raise EnvironmentFault(
            f"torchaudio cannot be imported ({error}). Install it without its dependencies: "
            "python -m pip install --no-deps torchaudio==2.11.0"
        ) from error


def _absent_extension() -> ModuleType:
    """Return a module with the names that torchaudio's Python modules import (2.9 to 2.11)."""
    module = ModuleType(_EXTENSION, "torchaudio's compiled extension is not loaded.")
    vars(module).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _load_lib=_load_nothing,
        fail_if_no_align=_unavailable,
    )
    return module


def _load_nothing(name: str) -> bool:
    """Replaces the loader of shared libraries: reports that none was found."""
    del name
    return False


def _unavailable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Replace a function that needs the extension by one that raises RuntimeError."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError(f"{function.__name__} needs torchaudio's compiled extension")

    return refuse


def _forget_partial_import() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        del sys.modules[name]
