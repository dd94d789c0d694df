"""The command line."""

from heygem_daemon.cli.app import main

__all__ = ["main"]
