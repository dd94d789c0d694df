"""A service under test."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from heygem_daemon.config.settings import Settings
from heygem_daemon.spool.spool import Spool
from tests.fakes.clock import FakeClock
from tests.fakes.service import ServiceHarness


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServiceHarness]:
    # Whether a file is on the medium shows in tests of the spool and of crashes; here it only takes
    # time.
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    # How much processor time a page takes depends on the machine; the daemon then pauses longer.
    monkeypatch.setattr("heygem_daemon.page.writer.MAX_CPU_SHARE", math.inf)
    log: list[str] = []
    sink = logger.add(lambda message: log.append(str(message)), format="{level} {message} {extra}")
    clock = FakeClock()
    spool = Spool(tmp_path / "spool", clock.wall)
    settings = Settings.model_validate(
        {
            "spool": spool.root,
            "device": "auto",
            "max_attempts": 3,
            "settle_seconds": 5.0,
            "free_space_gib": 0,
        }
    )
    harness = ServiceHarness(spool, clock, log, settings)
    harness.executor.now = clock.monotonic
    yield harness
    harness.close()
    logger.remove(sink)
