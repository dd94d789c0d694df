"""The daemon's own unit, as systemd tells of it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from heygem_daemon.system.unit import find_unit, own_unit_name, parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3min", 180.0), ("1min 30s", 90.0), ("1h 500ms", 3600.5), ("infinity", None), ("", None)],
)
def test_times_of_systemd(text: str, seconds: float | None) -> None:
    assert parse_time(text) == seconds


def test_a_loaded_unit_tells_its_properties() -> None:
    asked: list[Sequence[str]] = []

    def show(command: Sequence[str]) -> str:
        asked.append(command)
        return "LoadState=loaded\nTimeoutStopUSec=3min\nReadWritePaths=-/srv/a=b\n"

    unit = find_unit("x.service", show)
    assert unit is not None
    assert unit.stop_seconds == 180
    assert unit.properties["ReadWritePaths"] == "-/srv/a=b"
    assert list(asked[0][:3]) == ["systemctl", "show", "x.service"]


@pytest.mark.parametrize("fault", ["not-found", "no systemd", "silent"])
def test_without_an_answer_there_is_no_unit(fault: str) -> None:
    def show(_command: Sequence[str]) -> str:
        if fault == "no systemd":
            raise FileNotFoundError
        if fault == "silent":
            raise subprocess.TimeoutExpired("systemctl", 5)
        return "LoadState=not-found\nTimeoutStopUSec=1min 30s\n"

    assert find_unit("x.service", show) is None


@pytest.mark.parametrize(
    "text",
    [
        "0::/system.slice/heygem.service\n",
        "1:name=systemd:/system.slice/heygem.service/sub\n",
        "0::/system.slice/system-heygem.slice/heygem.service\n",
    ],
)
def test_the_own_unit_is_in_the_control_group(tmp_path: Path, text: str) -> None:
    file = tmp_path / "cgroup"
    file.write_text(text)
    assert own_unit_name(file, {"INVOCATION_ID": "1"}) == "heygem.service"
    assert own_unit_name(file, {}) is None
    session = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/terminal.scope\n"
    for other in ("0::/user.slice\n", session):
        file.write_text(other)
        assert own_unit_name(file, {"INVOCATION_ID": "1"}) is None
