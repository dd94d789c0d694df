"""Findings about settings that need the network, which the daemon's unit denies it."""

from collections.abc import Callable

from heygem_daemon.config.settings import Settings
from heygem_daemon.config.unit_doubts import METRICS_SOCKET, find_network_doubts
from heygem_daemon.doctor.check import Check, warned
from heygem_daemon.system.unit import Unit, find_unit

NAME = "network"


def network_checks(
    settings: Settings, find_unit: Callable[[str | None], Unit | None] = find_unit
) -> list[Check]:
    """Return a finding for each setting that needs more network than the unit allows; nothing where
    there is no unit. What the unit lacks is what `config check` warns of."""
    if not (settings.c2pa_timestamp_url or settings.notifications or settings.metrics_port):
        return []
    if (unit := find_unit(None)) is None:
        return []
    opener = find_unit(METRICS_SOCKET) if settings.metrics_port else None
    return [_finding(doubt) for doubt in find_network_doubts(settings, unit, opener)]


def _finding(doubt: str) -> Check:
    """Return a doubt as a finding: what mends it is its last clause."""
    detail, _, remedy = doubt.rpartition("; ")
    return warned(NAME, detail, remedy[0].upper() + remedy[1:])
