"""Finds settings that need a drop-in which the service's unit lacks. Pure."""

import ipaddress
import re
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
HIDDEN_FROM_SENDER = tuple(
    Path(each)
    for each in (
        *("/home", "/root", "/run/user", "/tmp", "/var/tmp"),  # noqa: S108 - recognised, not used
        *("/var/lib/heygem-daemon", "/var/cache/heygem-daemon", "/var/log/heygem-daemon"),
        *("/srv", "/mnt", "/media"),
    )
)
"""What heygem-daemon-notify@.service does not see: homes, PrivateTmp=, and InaccessiblePaths=."""
METRICS_SOCKET = "heygem-daemon-metrics.socket"
METRICS_PORT = 9877
"""The port that this unit opens if no drop-in names another."""

_EVERYBODY = {"any", "0.0.0.0/0", "::/0"}
_INTERNET = {"AF_INET", "AF_INET6"}


def find_unit_doubts(settings: Settings, unit: Unit, opener: Unit | None = None) -> list[str]:
    """Return a sentence for each need of the settings that the unit does not meet, with the
    settings at its start and the commands that mend it at its end.

    ``opener``: the unit METRICS_SOCKET; None: it is not loaded.
    """
    return [*find_network_doubts(settings, unit, opener), *_folders(settings, unit)]


def find_network_doubts(settings: Settings, unit: Unit, opener: Unit | None = None) -> list[str]:
    """Return those of them that concern the network."""
    return [
        *_time_stamps(settings, unit),
        *_notifications(settings, unit),
        *_metrics(settings, unit, opener),
    ]


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
    if settings.notifications is None:
        return
    if _wants(unit, NOTIFY_SOCKET):
        hidden = (*HIDDEN_FROM_SENDER, settings.spool)
        if found := next((each for each in hidden if each in settings.notifications.parents), None):
            yield (
                f"notifications: {found} is hidden from the unit that sends them; move the file"
                " below /etc/heygem-daemon"
            )
    elif blockers:
        yield (
            f"notifications: the unit denies the daemon the network ({blockers}); a unit of their"
            f" own has it and delivers them; run as root: systemctl enable --now {NOTIFY_SOCKET}"
            f" && systemctl try-reload-or-restart {unit.name}"
        )


def _metrics(settings: Settings, unit: Unit, opener: Unit | None) -> Iterator[str]:
    """Yield what keeps the daemon from opening the port of its metrics, if systemd does not."""
    port, blockers = settings.metrics_port, _blockers(unit.properties, is_outward=False)
    if not port or not blockers:
        return
    if not _wants(unit, METRICS_SOCKET):
        problem, is_open = "systemd opens it", port == METRICS_PORT
    elif opener is not None and port not in (ports := _open_ports(opener)):
        problem, is_open = f"systemd opens {', '.join(map(str, ports)) or 'none'}", False
    else:
        return
    yield (
        f"metrics_port: the unit keeps the daemon from opening a port ({blockers}); {problem};"
        f" run as root: {'' if is_open else _write_port(port)}systemctl enable {METRICS_SOCKET}"
        f" && systemctl restart {unit.name}"
    )


def _open_ports(opener: Unit) -> list[int]:
    """Return the TCP ports of a socket unit, whose property is '127.0.0.1:9877 (Stream)'."""
    listening = opener.properties.get("Listen", "")
    return [int(port) for port in re.findall(r":(\d+) \(Stream\)", listening)]


def _wants(unit: Unit, name: str) -> bool:
    """Return whether another unit is enabled, which the daemon's unit starts with itself."""
    return name in unit.properties.get("Wants", "").split()


def _write_port(port: int) -> str:
    """Return the commands that make systemd open another port than usual, and a conjunction."""
    folder = f"/etc/systemd/system/{METRICS_SOCKET}.d"
    text = f"[Socket]\\nListenStream=\\nListenStream=127.0.0.1:{port}\\n"
    return (
        f"mkdir -p {folder} && printf '{text}' > {folder}/port.conf && systemctl daemon-reload && "
    )


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
