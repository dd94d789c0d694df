"""Machines with Ray, and a daemon that uses them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.daemon import Daemon
from tests.cluster.machines import Machines


@pytest.fixture
def machines() -> Iterator[Machines]:
    machines = Machines()
    yield machines
    machines.close()


@pytest.fixture
def daemon(tmp_path: Path, machines: Machines) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "spool", machines.address, machines.environment)
    yield daemon
    daemon.close()
