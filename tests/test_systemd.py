"""The shipped unit: what it must say, and what systemd itself says of it."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.config.settings import Settings
from heygem_daemon.config.unit_doubts import METRICS_SOCKET, NOTIFY_SOCKET, find_unit_doubts
from heygem_daemon.service.loop import CLOSE_SECONDS
from heygem_daemon.system.sandbox import find_fault_of_unit
from heygem_daemon.system.unit import Unit

FOLDER = Path(__file__).resolve().parents[1] / "systemd"
UNIT = FOLDER / "heygem-daemon.service"
SENDER = FOLDER / "heygem-daemon-notify@.service"
WORST_EXPOSURE = 0.8
WORST_OF_SENDER = 1.1
"""Of the unit that has the network: 1.0 of it is PrivateNetwork=, IPAddressDeny= and AF_INET."""


def values(key: str) -> list[str]:
    """What the unit sets ``key`` to, in order."""
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)


def analyze(*arguments: str) -> str:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here")
    done = subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_it_speaks_with_systemd_and_has_a_watchdog() -> None:
    assert values("Type") == ["notify"]
    assert int(values("WatchdogSec")[0]) >= 30
    assert values("Restart") == ["on-failure"]


def test_a_stop_leaves_room_for_the_chunk_at_hand() -> None:
    assert values("KillMode") == ["mixed"]
    longest = Settings.model_fields["stop_seconds"].default + CLOSE_SECONDS
    assert int(values("TimeoutStopSec")[0]) > longest


def test_a_wrong_setting_is_not_tried_again_and_again() -> None:
    assert values("RestartPreventExitStatus") == ["2"]


def test_the_doctor_warns_and_never_keeps_the_daemon_from_starting() -> None:
    (before,) = values("ExecStartPre")
    assert before.startswith("-/usr/bin/timeout ")
    assert before.endswith("/heygem-daemon doctor --problems --quick --warn-only")
    longest = int(re.findall(r" (\d+) /", before)[0])
    assert longest < int(values("TimeoutStartSec")[0])


def test_a_reload_checks_the_configuration_first() -> None:
    check, hang_up = values("ExecReload")
    assert check.endswith("/heygem-daemon config check")
    assert hang_up == "/bin/kill -HUP $MAINPID"


def test_the_log_has_a_place_outside_the_share() -> None:
    assert values("LogsDirectory") == ["heygem-daemon"]
    assert values("LogsDirectoryMode") == ["0750"]


def test_what_cuda_needs_is_left_on() -> None:
    assert values("PrivateDevices") == values("MemoryDenyWriteExecute") == []
    assert values("DevicePolicy") == ["closed"]
    assert {device.split()[0] for device in values("DeviceAllow")} == {
        "char-nvidia",
        "char-nvidia-frontend",
        "char-nvidiactl",
        "char-nvidia-uvm",
        "char-nvidia-caps",
    }


def test_a_lost_share_does_not_stop_the_unit() -> None:
    text = UNIT.read_text(encoding="utf-8")
    assert not re.search(r"^(RequiresMountsFor|BindsTo|Requires)=", text, re.MULTILINE)


def test_systemd_finds_nothing_wrong_but_the_missing_program(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/heygem-daemon/current/bin/heygem-daemon", "/bin/true"))
    complaints = [line for line in analyze("verify", str(unit)).splitlines() if UNIT.name in line]
    assert complaints == []


def exposure(folder: Path, *drop_ins: str, unit: Path = UNIT) -> float:
    """What systemd says of a unit with these drop-ins: from 0.0, the least exposed, to 10.0."""
    drop_in_folder = folder / f"{unit.name}.d"
    shutil.rmtree(drop_in_folder, ignore_errors=True)
    drop_in_folder.mkdir()
    for number, text in enumerate(drop_ins):
        (drop_in_folder / f"{number}.conf").write_text(text)
    copy = shutil.copy(unit, folder)
    said = analyze("security", "--offline=yes", str(copy))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    if found is None:
        pytest.skip("this systemd cannot judge a unit file")
    return float(found[1])


def test_the_exposure_is_small_with_every_drop_in_that_is_offered(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    shipped = [path.read_text(encoding="utf-8") for path in FOLDER.glob("*.conf")]
    assert shipped
    bare = Unit(UNIT.name, {"ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes"})
    faults = [find_fault_of_unit(Path(each), bare) for each in ("/srv/a", "/home/a", "/tmp/a")]
    for_folders = ["\n".join(("[Service]", *fault.lines)) for fault in faults if fault]
    assert len(for_folders) == len(faults)
    figures = {
        "none": exposure(tmp_path),
        "gpu": exposure(tmp_path, *shipped),
        "folders": exposure(tmp_path, *for_folders),
        "all": exposure(tmp_path, *shipped, *for_folders),
    }
    record_property("exposure", figures)
    assert max(figures.values()) <= WORST_EXPOSURE


def test_no_setting_but_one_needs_the_network_in_the_unit() -> None:
    """What each of them needs is in units of their own: no drop-in opens this one for it."""
    lines = [line.partition("=") for line in UNIT.read_text(encoding="utf-8").splitlines()]
    properties = {key: value for key, _, value in lines if value}
    shut = Unit(
        UNIT.name,
        properties | {"PrivateNetwork": "yes", "IPAddressDeny": "0.0.0.0/0 ::/0"},
    )
    asked = {
        "notifications": "/etc/targets",
        "metrics_port": 9877,
        "c2pa_timestamp_url": "http://t",
    }
    opening = {
        key
        for key, value in asked.items()
        for doubt in find_unit_doubts(Settings.model_validate({key: value}), shut)
        if "PrivateNetwork=false" in doubt
    }
    assert opening == {"c2pa_timestamp_url"}


def test_the_exposure_of_the_unit_that_sends_is_bounded_too(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    figure = exposure(tmp_path, unit=SENDER)
    record_property("exposure", figure)
    assert figure <= WORST_OF_SENDER


@pytest.mark.parametrize("name", [METRICS_SOCKET, NOTIFY_SOCKET])
def test_systemd_finds_nothing_wrong_with_the_sockets(tmp_path: Path, name: str) -> None:
    for each in (UNIT, SENDER):
        text = each.read_text(encoding="utf-8")
        program = re.sub("/opt/heygem-daemon/current/bin/(heygem-daemon|python)", "/bin/true", text)
        (tmp_path / each.name).write_text(program)
    unit = shutil.copy(FOLDER / name, tmp_path)
    complaints = [line for line in analyze("verify", str(unit)).splitlines() if "heygem" in line]
    assert complaints == []
