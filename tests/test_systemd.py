"""The shipped unit: what it must say, and what systemd itself says of it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from heygem_daemon.config.settings import Settings
from heygem_daemon.service.loop import CLOSE_SECONDS

FOLDER = Path(__file__).resolve().parents[1] / "systemd"
UNIT = FOLDER / "heygem-daemon.service"
WORST_EXPOSURE = 0.8


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


def test_the_exposure_is_small() -> None:
    found = re.search(
        r"Overall exposure level for \S+: ([\d.]+)",
        analyze("security", "--offline=yes", str(UNIT)),
    )
    if found is None:
        pytest.skip("this systemd cannot judge a unit file")
    assert float(found[1]) <= WORST_EXPOSURE
