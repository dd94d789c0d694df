"""Settings for which the unit has to open the network."""

from pathlib import Path

import pytest

from heygem_daemon.config.settings import Settings
from heygem_daemon.config.unit_doubts import METRICS_SOCKET, NOTIFY_SOCKET
from heygem_daemon.doctor.check import Check
from heygem_daemon.doctor.network import network_checks
from heygem_daemon.system.unit import Unit

CLOSED = {
    "PrivateNetwork": "yes",
    "RestrictAddressFamilies": "AF_UNIX",
    "IPAddressDeny": "0.0.0.0/0 ::/0",
}
OPEN = {"PrivateNetwork": "no", "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6"}
DOCUMENT = Path(__file__).parents[2] / "docs" / "marking.md"


def checks(properties: dict[str, str] | None, **values: object) -> list[Check]:
    def find_unit(name: str | None) -> Unit | None:
        if properties is None or name == METRICS_SOCKET:
            return None
        return Unit("heygem-daemon.service", properties)

    return network_checks(Settings.model_validate(values), find_unit)


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("c2pa_timestamp_url", "http://tsa.example", "heygem-daemon.service.d/network.conf"),
        ("notifications", "/etc/heygem-daemon/n.toml", f"systemctl enable --now {NOTIFY_SOCKET}"),
        ("metrics_port", 9877, f"systemctl enable {METRICS_SOCKET}"),
    ],
)
def test_what_needs_the_network_is_a_warning_with_the_commands(
    key: str, value: object, remedy: str
) -> None:
    (found,) = checks(CLOSED, **{key: value})
    assert (found.verdict, found.name) == ("warn", "network")
    assert found.detail.startswith(f"{key}: ")
    assert found.remedy.startswith("Run as root: ")
    assert remedy in found.remedy
    assert checks(OPEN, **{key: value}) == []
    assert checks(None, **{key: value}) == [], "there is no unit"


def test_the_default_settings_ask_systemd_nothing() -> None:
    def find_unit(_name: str | None) -> Unit | None:
        raise AssertionError

    assert network_checks(Settings(), find_unit) == []


def test_the_document_shows_the_same_commands() -> None:
    (found,) = checks(CLOSED, c2pa_timestamp_url="http://tsa.example")
    shown = " ".join(DOCUMENT.read_text(encoding="utf-8").replace("\\\n", " ").split())
    for command in found.remedy.removeprefix("Run as root: ").split(" && ")[:2]:
        assert command in shown
