"""Examines a node of a cluster, on that node, in a process of Ray that ends afterwards."""

import os
import time
from contextlib import suppress
from pathlib import Path

from heygem_daemon.cluster.facts import gather_facts
from heygem_daemon.cluster.messages import AgentSetup
from heygem_daemon.cluster.readings import NodeReader
from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.check import Check
from heygem_daemon.doctor.cluster_answers import NodeFindings
from heygem_daemon.doctor.speed import measure_speeds
from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.spool.mounts import find_missing_mount, find_mount
from heygem_daemon.system.disk_space import read_disk_space


class NodeExaminer:
    """Answers the doctor on another machine."""

    def __init__(self, setup: str) -> None:
        """``setup``: an ``AgentSetup`` as JSON."""
        # Ray sets it to one for what takes none of its CPUs; the speed would be that of one core.
        os.environ.pop("OMP_NUM_THREADS", None)
        self._setup = AgentSetup.model_validate_json(setup)

    def clock(self) -> str:
        """Return this machine's UNIX time."""
        return repr(time.time())

    def examine(self, measure: bool) -> str:
        """Return ``NodeFindings`` as JSON. On a share whose server is gone it never returns."""
        setup = self._setup
        spool, checkpoints = Path(setup.spool), Path(setup.checkpoints)
        mount = find_mount(spool)
        owner, free = None, 0
        with suppress(OSError):
            owner, free = spool.stat().st_uid, read_disk_space(spool).free_bytes
        reader = NodeReader(setup)
        gpus = reader.gpus()
        findings = NodeFindings(
            facts=gather_facts(spool, checkpoints),
            missing_mount=str(find_missing_mount(spool, Path("/etc/fstab")) or ""),
            mount_type=mount.type,
            mount_point=str(mount.point),
            free_bytes=free,
            user=os.geteuid(),
            owner=owner,
            slots=reader.cpu().slots,
            gpus=len(gpus),
            speed=self._measure(gpus) if measure else (),
        )
        reader.close()
        return findings.model_dump_json()

    def _measure(self, gpus: tuple[GpuReading, ...]) -> tuple[Check, ...]:
        setup = self._setup
        settings = Settings(
            spool=Path(setup.spool),
            engine=setup.engine,
            checkpoints=Path(setup.checkpoints),
            threads=setup.threads,
        )
        return tuple(measure_speeds(settings, [each for each in gpus if each.fault is None]))
