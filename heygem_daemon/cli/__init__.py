"""The command line ``heygem-daemon``."""

from heygem_daemon.cli.app import main

__all__ = ["main"]
