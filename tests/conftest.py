"""What concerns each run: its garbage collections, and the versions that its summary names."""

import gc
import platform
from importlib.metadata import version

import pytest

PACKAGES = ("av", "numpy", "pydantic-settings", "torch", "torchaudio", "watchdog")


def pytest_collection_finish() -> None:
    """Keep the collector from looking at all modules and tests again and again: a collection would
    take a tenth of a second, and each file that is opened for decoding or encoding is one."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the versions of Python and of the packages whose releases change the most."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    terminalreporter.write_line(f"ran on Python {platform.python_version()}, {versions}")
