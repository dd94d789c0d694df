"""Finds settings that need a drop-in which the service's unit lacks. Pure."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.system.sandbox import find_fault_of_unit, write_drop_in
from heygem_daemon.system.unit import Unit

NETWORK_DROP_IN = "network.conf"
OPEN_NETWORK = (
    "PrivateNetwork=false",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    "IPAddressDeny=",
)
NOTIFY_SOCKET = "heygem-daemon-notify.socket"
METRICS_SOCKET = "heygem-daemon-metrics.socket"
METRICS_PORT = 9877
"""The port that this unit opens if no drop-in names another."""

_EVERYBODY = {"any", "0.0.0.0/0", "::/0"}
_INTERNET = {"AF_INET", "AF_INET6"}


def find_unit_doubts(settings: Settings, unit: Unit) -> list[str]:
    """Return a sentence for each need of the settings that the unit does not meet, with the
    settings at its start and the commands that mend it at its end."""
    parts = (_time_stamps, _notifications, _metrics, _folders)
    return [doubt for part in parts for doubt in part(settings, unit)]


def _time_stamps(settings: Settings, unit: Unit) -> Iterator[str]:
    """Yield what keeps signing from a time-stamp server."""
    blockers = _blockers(unit.properties, is_outward=True)
    if settings.c2pa_timestamp_url and blockers:
        yield (
            f"c2pa_timestamp_url: needs the network, which the unit denies the daemon ({blockers});"
            f" run as root: {write_drop_in(unit.name, NETWORK_DROP_IN, OPEN_NETWORK)}"
        )


def _notifications(settings: Settings, unit: Unit) -> Iterator[str]:
    """Yield what keeps notifications from other machines, if no unit of their own delivers them."""
    blockers = _blockers(unit.properties, is_outward=True)
    if settings.notifications and blockers and not _wants(unit, NOTIFY_SOCKET):
        yield (
            f"notifications: the unit denies the daemon the network ({blockers}); a unit of their"
            f" own has it and delivers them; run as root: systemctl enable --now {NOTIFY_SOCKET}"
            f" && systemctl try-reload-or-restart {unit.name}"
        )


def _metrics(settings: Settings, unit: Unit) -> Iterator[str]:
    """Yield what keeps the daemon from opening the port of its metrics, if systemd does not."""
    blockers = _blockers(unit.properties, is_outward=False)
    if settings.metrics_port and blockers and not _wants(unit, METRICS_SOCKET):
        yield (
            f"metrics_port: the unit keeps the daemon from opening a port ({blockers}); systemd"
            f" opens it; run as root: {_open_port(settings.metrics_port)}systemctl enable"
            f" {METRICS_SOCKET} && systemctl restart {unit.name}"
        )


def _wants(unit: Unit, name: str) -> bool:
    """Return whether another unit is enabled, which the daemon's unit starts with itself."""
    return name in unit.properties.get("Wants", "").split()


def _open_port(port: int) -> str:
    """Return the command that makes systemd open another port than usual, and a conjunction."""
    if port == METRICS_PORT:
        return ""
    folder = f"/etc/systemd/system/{METRICS_SOCKET}.d"
    text = f"[Socket]\\nListenStream=\\nListenStream=127.0.0.1:{port}\\n"
    return f"mkdir -p {folder} && printf '{text}' > {folder}/port.conf && "


def _blockers(properties: Mapping[str, str], *, is_outward: bool) -> str:
    """Return the settings of the unit that keep the daemon from the loopback of the machine, and
    with ``is_outward`` those that keep it from others; empty: none."""
    found = []
    if properties.get("PrivateNetwork") == "yes":
        found.append("PrivateNetwork=")
    if _lacks_internet(properties.get("RestrictAddressFamilies", "")):
        found.append("RestrictAddressFamilies=")
    allowed = properties.get("IPAddressAllow", "").split()
    denies = bool(_EVERYBODY & set(properties.get("IPAddressDeny", "").split()))
    if denies and not any(not (is_outward and _is_loopback(each)) for each in allowed):
        found.append("IPAddressDeny=")
    return ", ".join(found)


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
