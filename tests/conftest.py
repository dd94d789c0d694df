"""The summary of each run names the versions that it ran on."""

import platform
from importlib.metadata import version

import pytest

PACKAGES = ("av", "numpy", "pydantic-settings", "torch", "torchaudio", "watchdog")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the versions of Python and of the packages whose releases change the most."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    terminalreporter.write_line(f"ran on Python {platform.python_version()}, {versions}")
