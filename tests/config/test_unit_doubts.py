"""Settings that need a drop-in of the unit."""

import re
from pathlib import Path

import pytest

from heygem_daemon.config.settings import Settings
from heygem_daemon.config.unit_doubts import (
    HIDDEN_FROM_SENDER,
    METRICS_PORT,
    METRICS_SOCKET,
    NOTIFY_SOCKET,
    find_unit_doubts,
)
from heygem_daemon.system.unit import Unit

SHIPPED = {
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "StateDirectory": "heygem-daemon",
    "LogsDirectory": "heygem-daemon",
    "PrivateNetwork": "yes",
    "RestrictAddressFamilies": "AF_UNIX",
    "IPAddressDeny": "0.0.0.0/0 ::/0",
}
"""As `systemctl show` prints the properties of the unit that install.sh installs."""

OPEN = {"PrivateNetwork": "no", "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6"}


def doubts(properties: dict[str, str], **values: object) -> list[str]:
    settings = Settings.model_validate({"spool": "/var/lib/heygem-daemon/spool", **values})
    return find_unit_doubts(settings, Unit("heygem-daemon.service", SHIPPED | properties))


def test_the_default_settings_need_no_drop_in() -> None:
    assert doubts({}) == []
    assert doubts({}, log_folder="/var/log/heygem-daemon") == []


def test_time_stamps_need_the_network() -> None:
    (doubt,) = doubts({}, c2pa_timestamp_url="http://tsa.example")
    assert doubt.startswith("c2pa_timestamp_url: needs the network, which the unit denies")
    assert "(PrivateNetwork=, RestrictAddressFamilies=, IPAddressDeny=)" in doubt
    assert "IPAddressDeny=\\n'" in doubt  # the empty value resets the list
    assert "> /etc/systemd/system/heygem-daemon.service.d/network.conf" in doubt
    assert doubt.endswith("systemctl restart heygem-daemon.service")


def test_notifications_need_a_unit_of_their_own() -> None:
    (doubt,) = doubts({}, notifications="/etc/heygem-daemon/targets.toml")
    assert doubt.startswith("notifications: the unit denies the daemon the network")
    assert doubt.endswith(
        f"run as root: systemctl enable --now {NOTIFY_SOCKET}"
        " && systemctl try-reload-or-restart heygem-daemon.service"
    )
    wants = {"Wants": f"{METRICS_SOCKET} {NOTIFY_SOCKET}"}
    assert doubts(wants, notifications="/etc/targets.toml", metrics_port=9877) == []


def test_a_file_of_targets_that_this_unit_does_not_see_is_told_of() -> None:
    wants = {"Wants": NOTIFY_SOCKET}
    for file in ("/srv/x/targets.toml", "/home/a/t", "/data/heygem/t"):
        (doubt,) = doubts(
            wants | {"ReadWritePaths": "/data/heygem"}, notifications=file, spool="/data/heygem"
        )
        assert doubt.startswith("notifications: /")
        assert doubt.endswith("move the file below /etc/heygem-daemon")
    unit = (Path(__file__).parents[2] / "systemd" / "heygem-daemon-notify@.service").read_text()
    hidden = {line[1:] for line in re.findall("^InaccessiblePaths=(.*)$", unit, re.MULTILINE)}
    assert hidden
    assert hidden <= set(map(str, HIDDEN_FROM_SENDER))


def test_the_port_of_the_metrics_is_opened_by_systemd() -> None:
    (doubt,) = doubts({}, metrics_port=9877)
    enable = f"systemctl enable {METRICS_SOCKET} && systemctl restart heygem-daemon.service"
    assert doubt.startswith("metrics_port: the unit keeps the daemon from opening a port")
    assert doubt.endswith(f"run as root: {enable}")
    (other,) = doubts({}, metrics_port=9900)
    assert f"127.0.0.1:9900\\n' > /etc/systemd/system/{METRICS_SOCKET}.d/port.conf" in other
    assert other.endswith(enable)
    assert doubts({"Wants": f"a.slice {METRICS_SOCKET}"}, metrics_port=9877) == []


def test_another_port_than_the_one_that_systemd_opens_is_told_of() -> None:
    unit = Unit("heygem-daemon.service", SHIPPED | {"Wants": METRICS_SOCKET})
    opener = Unit(METRICS_SOCKET, {"Listen": "[::1]:9901 (Stream) 127.0.0.1:9900 (Stream)"})
    for port, is_open in ((9900, True), (9901, True), (9877, False)):
        found = find_unit_doubts(Settings(metrics_port=port), unit, opener)
        told = [each for each in found if each.startswith("metrics_port: ")]
        assert bool(told) != is_open
        assert all("; systemd opens 9901, 9900; run as root: mkdir -p" in each for each in told)


def test_the_shipped_socket_has_the_name_and_the_port_of_the_command() -> None:
    text = (Path(__file__).parents[2] / "systemd" / METRICS_SOCKET).read_text()
    assert f"\nListenStream=127.0.0.1:{METRICS_PORT}\n" in text


@pytest.mark.parametrize(
    ("properties", "metrics", "notifications"),
    [
        (OPEN, "IPAddressDeny=", "IPAddressDeny="),
        (OPEN | {"IPAddressDeny": ""}, "", ""),
        (OPEN | {"IPAddressAllow": "localhost"}, "", "IPAddressDeny="),
        (OPEN | {"IPAddressAllow": "127.0.0.0/8 ::1/128"}, "", "IPAddressDeny="),
        (OPEN | {"IPAddressAllow": "10.0.0.0/8 127.0.0.0/8"}, "", ""),
        (OPEN | {"IPAddressDeny": "", "RestrictAddressFamilies": ""}, "", ""),
        (OPEN | {"IPAddressDeny": "", "RestrictAddressFamilies": "~AF_PACKET"}, "", ""),
        (
            OPEN | {"IPAddressDeny": "", "RestrictAddressFamilies": "~AF_INET AF_INET6"},
            "RestrictAddressFamilies=",
            "RestrictAddressFamilies=",
        ),
    ],
)
def test_only_what_the_unit_denies_is_told(
    properties: dict[str, str], metrics: str, notifications: str
) -> None:
    for values, blocker in (
        ({"metrics_port": 9877}, metrics),
        ({"notifications": "/etc/targets"}, notifications),
    ):
        found = doubts(properties, **values)
        assert bool(found) == bool(blocker)
        assert all(f"({blocker})" in each for each in found)


def test_folders_outside_the_units_own_need_a_drop_in() -> None:
    (spool,) = doubts({}, spool="/srv/heygem")
    assert spool.startswith("spool: the unit's ProtectSystem= lets the service only read there")
    assert "ReadWritePaths=-/srv/heygem\\n' > /etc/systemd" in spool
    assert "/spool.conf" in spool
    assert doubts({"ReadWritePaths": "-/srv/heygem"}, spool="/srv/heygem") == []
    folders = ("/srv/archive", "/srv/other")
    (archive,) = doubts({}, on_published_folders=folders)
    assert "ReadWritePaths=-/srv/archive\\nReadWritePaths=-/srv/other\\n" in archive
    assert "/on-published-folders.conf" in archive
    (log,) = doubts({}, log_folder="/srv/log")
    assert log.startswith("log_folder: ")
    assert "/log-folder.conf" in log


def test_a_log_folder_within_the_spool_is_told_of_once(tmp_path: Path) -> None:
    assert len(doubts({}, spool=str(tmp_path))) == 1
