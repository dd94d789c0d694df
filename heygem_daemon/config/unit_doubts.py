"""Finds settings that need a drop-in which the service's unit lacks. Pure."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.system.sandbox import find_fault_of_unit, write_drop_in
from heygem_daemon.system.unit import Unit

NETWORK_DROP_IN = "network.conf"
OPEN_NETWORK = ("PrivateNetwork=false", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6")
"""What both ways of using a network need in the unit."""
LOOPBACK_ALONE = "IPAddressAllow=localhost"
EVERYWHERE = "IPAddressDeny="

_EVERYBODY = {"any", "0.0.0.0/0", "::/0"}
_INTERNET = {"AF_INET", "AF_INET6"}


def find_unit_doubts(settings: Settings, unit: Unit) -> list[str]:
    """Return a sentence for each need of the settings that the unit does not meet, with the
    settings at its start and the commands that mend it at its end."""
    return [*_network(settings, unit), *_folders(settings, unit)]


def _network(settings: Settings, unit: Unit) -> Iterator[str]:
    """Yield what keeps the daemon from the network. One drop-in serves all settings."""
    outward = [key for key in ("notifications", "c2pa_timestamp_url") if getattr(settings, key)]
    keys = [*outward, *(["metrics_port"] if settings.metrics_port else [])]
    blockers = list(_blockers(unit.properties, is_outward=bool(outward)))
    if keys and blockers:
        reach = (EVERYWHERE,) if outward else (LOOPBACK_ALONE,)
        remedy = write_drop_in(unit.name, NETWORK_DROP_IN, (*OPEN_NETWORK, *reach))
        needs = "need" if len(keys) > 1 else "needs"
        yield (
            f"{', '.join(keys)}: {needs} the network, which the unit denies the daemon"
            f" ({', '.join(blockers)}); run as root: {remedy}"
        )


def _blockers(properties: Mapping[str, str], *, is_outward: bool) -> Iterator[str]:
    """Yield the settings of the unit that keep the daemon from the loopback of the machine, and
    with ``is_outward`` those that keep it from others."""
    if properties.get("PrivateNetwork") == "yes":
        yield "PrivateNetwork="
    if _lacks_internet(properties.get("RestrictAddressFamilies", "")):
        yield "RestrictAddressFamilies="
    allowed = properties.get("IPAddressAllow", "").split()
    denies = bool(_EVERYBODY & set(properties.get("IPAddressDeny", "").split()))
    if denies and not any(not (is_outward and _is_loopback(each)) for each in allowed):
        yield "IPAddressDeny="


def _lacks_internet(families: str) -> bool:
    """Return whether a list of address families, as systemd shows it, leaves out the internet's.
    Empty: all are allowed; with a tilde at its start it names those that are not."""
    words = families.replace("~", " ").split()
    if families.strip().startswith("~"):
        return set(words) >= _INTERNET
    return bool(words) and not _INTERNET & set(words)


def _is_loopback(network: str) -> bool:
    try:
        return network == "localhost" or ipaddress.ip_network(network, strict=False).is_loopback
    except ValueError:
        return False


def _folders(settings: Settings, unit: Unit) -> Iterator[str]:
    """Yield the folders that the unit lets the daemon only read, or hides from it."""
    written: dict[str, Sequence[Path]] = {
        "spool": (settings.spool,),
        "log_folder": (settings.log_folder,),
        "on_published_folders": settings.on_published_folders,
    }
    for key, folders in written.items():
        found = [find_fault_of_unit(folder, unit) for folder in folders]
        faults = [fault for fault in found if fault is not None]
        if not faults or (key == "log_folder" and settings.spool in folders[0].parents):
            continue
        lines = tuple(dict.fromkeys(line for fault in faults for line in fault.lines))
        remedy = write_drop_in(unit.name, f"{key.replace('_', '-')}.conf", lines)
        yield f"{key}: {faults[0].cause}; run as root: {remedy}"
