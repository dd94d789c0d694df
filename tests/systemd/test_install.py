"""install.sh without a container: what it would do, and what it refuses."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from heygem_daemon.config.settings import Settings
from heygem_daemon.config.unit_doubts import find_unit_doubts
from heygem_daemon.system.unit import Unit
from tools.install import ROOT

SCRIPT = ROOT / "systemd" / "install.sh"
PARTS = sorted((ROOT / "systemd" / "install").glob("*.sh"))


@pytest.fixture(autouse=True)
def _needs_systemds_tools() -> None:
    for program in ("systemd-sysusers", "systemd-tmpfiles", "runuser"):
        if shutil.which(program, path="/usr/bin:/bin:/usr/sbin:/sbin") is None:
            pytest.skip(f"{program} is not installed here")


def install(*options: str, python: str | None = None) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    return subprocess.run(
        ["bash", SCRIPT, *options],
        env=environment | ({"PYTHON": python} if python else {}),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


def usable_python(tmp_path: Path) -> str:
    """A stand-in that says of itself what a system's Python would."""
    path = tmp_path / "python"
    path.write_text("#!/bin/sh\necho /usr\n")
    path.chmod(0o755)
    return str(path)


def test_a_dry_run_names_every_step_and_does_none(tmp_path: Path) -> None:
    spool = f"/srv/heygem-{tmp_path.parent.name}"
    done = install("--dry-run", "--spool", spool, python=usable_python(tmp_path))
    assert done.returncode == 0, done.stdout
    for step in (
        "releases",
        "would write: /etc/systemd/system/heygem-daemon.service\n",
        "would write: /etc/systemd/system/heygem-daemon-metrics.socket\n",
        "would write: /etc/systemd/system/heygem-daemon-notify.socket\n",
        "would write: /etc/systemd/system/heygem-daemon-notify@.service\n",
        "would write: /etc/systemd/system/heygem-daemon-notify@.service.d/spool.conf\n",
        "would write: /etc/sysusers.d/heygem-daemon.conf\n",
        "would write: /etc/tmpfiles.d/heygem-daemon.conf\n",
        "would write: /etc/heygem-daemon/config.toml",
        "would write: /etc/systemd/system/heygem-daemon.service.d/spool.conf\n",
        f"would run: install -d -o heygem -g heygem -m 2755 {spool}\n",
        "/usr/local/bin/heygem-daemon",
        "enable heygem-daemon.service",
        "would be installed",
    ):
        assert step in done.stdout
    assert not Path(spool).exists()


def test_a_dry_run_with_a_gpu_has_its_drop_in(tmp_path: Path) -> None:
    done = install("--dry-run", "--gpu", python=usable_python(tmp_path))
    assert "heygem-daemon.service.d/heygem-daemon-gpu.conf" in done.stdout
    assert "--service --cuda" in done.stdout


@pytest.mark.parametrize(
    ("spool", "problem"),
    [
        ("heygem", "absolute path"),
        ("/srv/a b", "absolute path"),
        ("/srv/../etc", "absolute path"),
        ("/srv/$(id)", "absolute path"),
        ("/home/anna/spool", "cannot see"),
        ("/tmp/spool", "cannot see"),
        ("/etc/heygem", "belongs to the system"),
        ("/opt/heygem-daemon/spool", "belongs to the system"),
        ("/var/lib", "holds files and is no spool"),
    ],
)
def test_a_spool_that_would_not_work_is_refused(tmp_path: Path, spool: str, problem: str) -> None:
    done = install("--dry-run", "--spool", spool, python=usable_python(tmp_path))
    assert done.returncode == 1
    assert problem in done.stdout
    assert "would" not in done.stdout


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--purge"], "--purge is for --uninstall"),
        (["--upgrade", "--rollback"], "exclude each other"),
        (["--upgrade", "--spool", "/srv/heygem"], "--spool is for an installation"),
        (["--spool"], "needs a value"),
        (["--spol", "/srv/heygem"], "unknown option --spol"),
        (["--extras", "c2pa,foo"], "--extras foo: there are c2pa cluster heic notify"),
        (["--extras=notify; id"], "--extras notify;: there are"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: list[str], problem: str) -> None:
    done = install("--dry-run", *options)
    assert done.returncode == 1
    assert problem in done.stdout


def test_a_python_that_the_service_cannot_see_or_use_is_refused(tmp_path: Path) -> None:
    for prefix in ("/root/python", "/home/anna/python", ""):
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\necho {prefix}\n")
        python.chmod(0o755)
        done = install("--dry-run", python=str(python))
        assert done.returncode == 1
        assert "no Python 3.11 or newer that the service can use" in done.stdout


def test_the_extras_are_those_of_the_project() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    script = (ROOT / "systemd" / "install.sh").read_text()
    (line,) = re.findall(r"ALL_EXTRAS=\((.*)\)", script)
    assert set(line.split()) == set(extras) - {"dev"}


def test_every_drop_in_that_config_check_writes_is_removed(tmp_path: Path) -> None:
    settings = Settings(
        spool=tmp_path / "a",
        log_folder=tmp_path / "b",
        on_published=("true",),
        on_published_folders=(tmp_path / "c",),
        c2pa_timestamp_url="http://x.example",
        metrics_port=9999,
    )
    closed = {"PrivateNetwork": "yes", "ProtectSystem": "strict", "ProtectHome": "no"}
    doubts = find_unit_doubts(settings, Unit("heygem-daemon.service", closed))
    names = set(re.findall(r"> \S+/([\w-]+\.conf)", " ".join(doubts)))
    assert len(names) == 5
    script = (ROOT / "systemd" / "install" / "removal.sh").read_text()
    (line,) = re.findall(r"SUGGESTED_DROPINS=\((.*)\)", script)
    assert set(line.split()) == names


def test_an_uninstallation_names_the_drop_ins_that_it_leaves(tmp_path: Path) -> None:
    """The part of the script alone, in folders of the test's."""
    drop_ins, record = tmp_path / "heygem-daemon.service.d", tmp_path / "installed.sha256"
    of_socket, of_sender = tmp_path / "heygem-daemon-metrics.socket.d", tmp_path / "sender.d"
    for each in (drop_ins, of_socket, of_sender):
        each.mkdir()
    (of_socket / "port.conf").touch()
    (of_sender / "spool.conf").touch()
    suggested = ("spool.conf", "network.conf", "log-folder.conf", "on-published-folders.conf")
    for name in (*suggested, "heygem-daemon-gpu.conf", "my own.conf"):
        (drop_ins / name).touch()
    record.write_text(f"00ff  {drop_ins}/heygem-daemon-gpu.conf\n")
    script = f"""
        set -euo pipefail
        APP={tmp_path}/app CONFIG={tmp_path}/etc/config.toml STATE={tmp_path}/state PURGE='' WILL=''
        CACHE={tmp_path}/cache LOGS={tmp_path}/logs UNIT=none.service COMMAND={tmp_path}/command
        UNITS={tmp_path} SOCKETS=() NOTIFY_DROPINS={of_sender}
        DROPINS={drop_ins} RECORD={record} SPOOL_ENTRIES=()
        setting() {{ :; }}; say() {{ :; }}; systemctl() {{ :; }}
        note() {{ printf '%s\\n' "$*"; }}; change() {{ "$@"; }}
        source {ROOT}/systemd/install/removal.sh
        uninstall
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    left = sorted(path.name for path in drop_ins.iterdir())
    assert left == ["my own.conf"]
    assert not of_sender.exists()
    assert not of_socket.exists()
    said = next(line for line in done.stdout.splitlines() if "by hand" in line)
    assert "spool.conf" not in said
    assert "gpu.conf" not in said
    command = said.partition("stay: ")[2].removesuffix(" deletes them")
    subprocess.run(["bash", "-c", command], check=True)
    assert list(drop_ins.iterdir()) == []


@pytest.mark.skipif(Path("/opt/heygem-daemon").exists(), reason="the service is installed here")
def test_where_nothing_is_installed_nothing_is_removed() -> None:
    done = install("--dry-run", "--uninstall")
    assert (done.returncode, done.stdout) == (1, "install.sh: nothing is installed here\n")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed here")
def test_shellcheck_finds_nothing() -> None:
    done = subprocess.run(
        ["shellcheck", "--external-sources", SCRIPT, *PARTS],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == ""


def test_the_gpus_drop_in_keeps_the_doctor_of_the_unit() -> None:
    folder = ROOT / "systemd"
    unit = (folder / "heygem-daemon.service").read_text()
    (doctor,) = (line for line in unit.splitlines() if line.startswith("ExecStartPre="))
    assert doctor in (folder / "heygem-daemon-gpu.conf").read_text().splitlines()


def test_systemd_accepts_the_gpus_drop_in(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here")
    folder = ROOT / "systemd"
    unit = tmp_path / "heygem-daemon.service"
    program = "/opt/heygem-daemon/current/bin/heygem-daemon"
    unit.write_text((folder / unit.name).read_text().replace(program, "/bin/true"))
    drop_in = tmp_path / f"{unit.name}.d" / "gpu.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(
        (folder / "heygem-daemon-gpu.conf").read_text().replace(program, "/bin/true")
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if "heygem" in line or "gpu" in line]
    assert complaints == []
