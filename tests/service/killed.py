"""What the tests share that kill a service at each step of a piece of work."""

from pathlib import Path

from heygem_daemon.spool.spool import Spool
from tests.fakes.service import ServiceHarness
from tests.spool.conftest import Disk, Killed


class ArmedDisk(Disk):
    """Kills the process before an operation, counted from when it was armed."""

    left = -1

    def before(self, step: str, number: int, path: Path) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed(step)


def on_other_spool(harness: ServiceHarness, root: Path, disk: Disk) -> ServiceHarness:
    """Return the same with a new spool."""
    spool = Spool(root, harness.clock.wall, disk)
    settings = harness.settings.model_copy(update={"spool": root})
    other = ServiceHarness(spool, harness.clock, harness.log, settings)
    other.executor.now = harness.clock.monotonic
    return other
