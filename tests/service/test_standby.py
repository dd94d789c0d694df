"""A standby: whom it waits for, what it tells, and where it refuses."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from loguru import logger

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.service.standby import ASK_SECONDS, require_trusted_lock, wait_for_end
from heygem_daemon.spool.mounts import MountInfo
from heygem_daemon.system.sd_notify import Notifier


@dataclass
class FakeSpool:
    """Has these owners, one at each look; then none."""

    holders: list[str]

    def lock_holder(self) -> str | None:
        return self.holders.pop(0) if self.holders else None


class FakeNotifier(Notifier):
    """Keeps what it would send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def _send(self, message: str) -> None:
        self.sent.append(message)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line).strip()), format="{message}")
    yield lines
    logger.remove(sink)


def test_it_waits_for_each_owner_and_stays_alive_for_systemd(logged: list[str]) -> None:
    notifier, slept = FakeNotifier(), list[float]()
    wait_for_end(FakeSpool(["process 1", "process 1", "process 2"]), notifier, slept.append)
    assert slept == [ASK_SECONDS] * 3
    assert notifier.sent == [
        "READY=1",
        "STATUS=standby: process 1 works on the spool",
        "WATCHDOG=1",
        "WATCHDOG=1",
        "STATUS=standby: process 2 works on the spool",
        "WATCHDOG=1",
    ]
    assert [line for line in logged if "standby" in line] == [
        "standby: waits until the spool's daemon ends: process 1",
        "standby: waits until the spool's daemon ends: process 2",
        "standby: takes over the spool; its daemon has ended: process 2",
    ]


def test_it_starts_at_once_where_nobody_works() -> None:
    notifier = FakeNotifier()
    wait_for_end(FakeSpool([]), notifier, lambda _: pytest.fail("waited"))
    assert notifier.sent == []


def test_it_refuses_where_locks_cannot_be_trusted() -> None:
    share = MountInfo(Path("/srv"), "cifs", is_network=True)
    with pytest.raises(SpoolUnavailable, match=r"No standby .* spool /srv: .*cifs"):
        require_trusted_lock(share, "/srv")
    require_trusted_lock(MountInfo(Path("/srv"), "ext4", is_network=False), "/srv")
